import { z } from "zod";

const label = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const rule = "lower-case letters, digits and inner dashes, beginning and ending with a letter or digit";

const name = (what: string, lengthMax: number) =>
  z
    .string()
    .min(1, `${what} must not be empty`)
    .max(lengthMax, `${what} has at most ${lengthMax} characters`)
    .regex(label, `${what} consists of ${rule}`);

/** A pod's name, unique in the zone. */
export const PodName = name("a pod name", 40);
/** A node's name, unique in the zone. */
export const NodeName = name("a node name", 63);
/** An app's name, unique in the zone. */
export const AppName = name("an app name", 32);
/** An entrypoint's name, unique in its app's release. */
export const EntrypointName = name("an entrypoint name", 24);
/** An ELB instance's name, unique in the zone. */
export const ElbName = name("an ELB name", 40);
/** A user's name, unique in the zone. */
export const UserName = name("a user name", 40);

/** A release: a git commit, 7 to 40 hexadecimal digits, or any tag of the same alphabet as an image tag. */
export const ReleaseName = z
  .string()
  .min(1, "a release name must not be empty")
  .max(64, "a release name has at most 64 characters")
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, "a release name is a git commit or a tag: letters, digits, . _ -");

/** `<app>-<entrypoint>-<6 characters>`; made by command-api from the command id, so a repeated command names the same one. */
export const DeploymentId = name("a deployment id", 64);

/** `<deployment>-<n>`; n counts the deployment's workloads ever placed, so an id is never used twice. */
export const WorkloadId = name("a workload id", 80);

/** A host name of a route: exact, or with a leading `*.` for one wildcard level and below, or `*` for the default. */
export const HostName = z
  .string()
  .max(253, "a host has at most 253 characters")
  .regex(
    /^(\*|(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$/,
    "a host is lower-case (unicode in punycode), without port; `*.example.org` for a wildcard, `*` for the default",
  );
