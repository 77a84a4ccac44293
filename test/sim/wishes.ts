import {
  type DeploymentEvent,
  Entrypoint,
  type GivenResources,
  type Inherit,
  type Resources,
  type Template,
} from "@eru/events";
import type { Container } from "../../services/node-agent/src/domain/container.ts";
import type { Workload } from "../../services/scheduler/src/domain/zone.ts";
import type { Chance } from "./chance.ts";
import { commands } from "./commands.ts";

/** Releases by what is wrong with them. */
export const releases = [
  "good-1",
  "good-2",
  "good-3",
  "crashing",
  "sick",
  "missing",
  "unhooked",
  "deaf",
] as const;
export type Release = (typeof releases)[number];

export const apps = ["shop", "blog"] as const;
/** Requests come in for this one only. */
export const routedApp = "shop";

/** Images there are; no registry has the image of `missing`. */
export const images = apps.flatMap((app) =>
  releases.filter((release) => release !== "missing").map((release) => `${app}:${release}`),
);

export const isGood = (release: string): boolean => release.startsWith("good");

/** What workloads ask for: of most nodes there is too little of something. */
export const asks: readonly Resources[] = [
  { cpu: 0.1, memoryMib: 100 },
  { cpu: 0.5, memoryMib: 100 },
  { cpu: 1, memoryMib: 100 },
  { cpu: 1, memoryMib: 100, bind: true },
  { cpu: 0.3, memoryMib: 100, bind: true },
  { cpu: 1.5, memoryMib: 100, bind: true },
  { cpu: 0.1, memoryMib: 100, volumes: [{ to: "/data", sizeMib: 300, readIops: 40 }], storageMib: 200 },
  { cpu: 0.1, memoryMib: 100, volumes: [{ to: "/data", sizeMib: 300, alone: true }] },
  { cpu: 0.1, memoryMib: 100, gpus: { "nvidia-3090": 1 }, ports: [{ hostPort: 80, port: 8080 }] },
];

/** Whoever may displace others asks for much, so that it has to. */
export const largeAsks = asks.filter(({ cpu }) => cpu >= 1);

/** What a user says of a node with so many cores, besides cores and memory. */
export const offerOf = (cpu: number): GivenResources => ({
  cpu,
  memoryMib: 2_000,
  cores: Object.fromEntries(Array.from({ length: cpu }, (_, core) => [String(core), 100])),
  storageMib: 2_000,
  volumes: [
    { path: "/mnt/a", sizeMib: 500 },
    { path: "/mnt/b", sizeMib: 1_000 },
  ],
  disks: [{ device: "/dev/sdb", mounts: ["/mnt"], readIops: 100 }],
  gpus: { "nvidia-3090": ["0", "1"] },
});

/** What is particular to a release: hooks, and a health check by a command. */
const settings: Partial<Record<Release, object>> = {
  "good-2": {
    healthcheck: { command: commands.works, intervalMs: 500, startPeriodMs: 1_000 },
    hooks: { afterStart: [commands.works, commands.works], beforeStop: [commands.works], force: true },
  },
  // Neither counts: its hooks may fail.
  "good-3": { hooks: { afterStart: [commands.fails], beforeStop: [commands.neverEnds], timeoutMs: 1_000 } },
  sick: { hooks: { beforeStop: [commands.fails], force: true } },
  unhooked: { hooks: { afterStart: [commands.works, commands.fails], force: true } },
  deaf: {
    healthcheck: { command: commands.neverEnds, timeoutMs: 700, intervalMs: 800, startPeriodMs: 1_000 },
  },
};

export const template = (app: string, release: Release): Template => ({
  app,
  release,
  entrypointName: "web",
  image: `${app}:${release}`,
  entrypoint: Entrypoint.parse({
    publish: [8080],
    restart: { policy: "always", retriesMax: 1 },
    graceSeconds: 1,
    healthcheck: { http: { port: 8080 }, intervalMs: 500, startPeriodMs: 1_000 },
    ...settings[release],
  }),
  env: {},
});

/** A file that every container has. */
export const stateFile = "/var/state";

/** Something that a user asks of one workload, also of one that is going. */
export function changeWish(
  chance: Chance,
  { id: workload, deployment: { id: deployment } }: Workload,
): DeploymentEvent {
  const change =
    chance.pick(["restart", "restart", "stop", "start", "replace", "replace"] as const) ?? "restart";
  const ignoreHooks = chance.may(0.2);
  return {
    ...{ type: "WorkloadChangeRequested", deployment, workload, change, ignoreHooks },
    ...(change === "replace" && { inherit: inheritWish(chance) }),
  };
}

/** What a replacement takes over: what there is, what there is not, and a network that no engine here can give again. */
function inheritWish(chance: Chance): Inherit {
  return {
    ...(chance.may(0.5) && { copy: [{ from: chance.may(0.8) ? stateFile : "/missing", to: "/var/old" }] }),
    ...(chance.may(0.2) && { network: true }),
  };
}

type Upgrade = Extract<DeploymentEvent, { type: "UpgradeRequested" }>;

/** How an upgrade goes about it: every way there is, now and then with other resources. */
export function rolloutSettings(chance: Chance): Omit<Upgrade, "type" | "deployment" | "template"> {
  const stopFirst = chance.may(0.25);
  return {
    surge: stopFirst ? 0 : chance.between(1, 2),
    ...(stopFirst ? { order: "stop-first", batch: chance.between(1, 2) } : chance.may(0.5) && { batch: 1 }),
    ...(chance.may(0.7) && { onFailure: chance.may(0.7) ? "rollback" : "halt" }),
    ...(chance.may(0.5) && { healthDeadlineMs: chance.between(4, 12) * 1_000 }),
    ...(chance.may(0.3) && { canary: chance.may(0.5) ? { count: 1 } : { percent: 40 } }),
    ...(chance.may(0.2) && { resources: { cpu: chance.pick([0.1, 0.5, 1]) ?? 1, memoryMib: 100 } }),
  };
}

/** What the processes of a container do. */
export function behaviourOf({ labels }: Container): { crashes: boolean; sick: boolean } {
  const release = labels["eru.release"];
  return { crashes: release === "crashing", sick: release === "sick" };
}
