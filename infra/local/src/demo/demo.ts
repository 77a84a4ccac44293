import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { LocalError } from "../errors.ts";
import { Home } from "../home.ts";
import type { Installation } from "../installation.ts";
import { readSecrets } from "../secrets.ts";
import { up } from "../up.ts";
import { Api } from "./api.ts";
import { compileHello, helloDirectory, helloRelease, provideImage, type Release } from "./image.ts";
import { type Answer, askUntilAll } from "./requests.ts";

const pod = "demo";
const app = "hello";
const entrypoint = "web";
const host = "hello.localhost";
const workloads = 3;
const resources = { cpu: 0.1, memoryMib: 32 };
const nodeResources = { cpu: 1, memoryMib: 512 };
const answersWithinMs = 60_000;

const Deployment = z.looseObject({
  deployment: z.string(),
  release: z.string(),
  state: z.string(),
  counts: z.looseObject({ wanted: z.number() }),
});
const Workload = z.looseObject({ workload: z.string(), release: z.string(), state: z.string() });

/** What the demo left running. */
export type DemoResult = Installation & { deployment: string; release: string; answers: readonly Answer[] };

/** What it tells while it goes: a step with what came of it and how long it took. */
export type Tell = (step: string, outcome: string, seconds: number) => void;

/**
 * The main job, from nothing to requests answered by a container on each node, as a user would do it by hand. Every step
 * does nothing when it was done before.
 */
export async function demo(options: {
  home: string;
  nodes: number;
  elbs?: number;
  tell: Tell;
  say: (text: string) => void;
}): Promise<DemoResult> {
  const { home, nodes, elbs, tell, say } = options;
  const step = async <T>(
    name: string,
    work: () => Promise<T>,
    outcome: (result: T) => string,
  ): Promise<T> => {
    const begun = performance.now();
    const result = await work();
    tell(name, outcome(result), (performance.now() - begun) / 1000);
    return result;
  };
  const installation = await step(
    "log, services, ELB and nodes",
    () => up({ home, nodes, ...(elbs !== undefined && { elbs }), tell: say }),
    (result) => `${result.nodes.length === 1 ? "1 node" : `${result.nodes.length} nodes`} up`,
  );
  const api = new Api(installation, readSecrets(new Home(home))?.adminToken ?? "");
  const release = await helloRelease();
  const image = `${app}:${release.name}`;
  await step("compile examples/hello", compileHello, () => "static, from C");
  await step(
    "image",
    () => provideImage(image, installation.nodes),
    (how) =>
      `${image} ${{ built: "built on n1 and copied", copied: "copied to new nodes", there: "was there" }[how]}`,
  );
  await step(
    "pod and nodes",
    () => addNodes(api, installation),
    () => `${installation.nodes.map(({ name }) => name).join(", ")} in pod ${pod}`,
  );
  await step(
    "release",
    () => register(api, release, image),
    () => `${app} ${release.name}`,
  );
  const deployment = await step(
    "deployment",
    () => deploy(api, release),
    ({ id, how }) => `${id} ${how}`,
  );
  await step(
    "route",
    () => api.command("PUT", `/v1/routes/${host}`, { rules: [{ pathPrefix: "/", app, entrypoint }] }),
    () => `${host} -> ${app}/${entrypoint}`,
  );
  const { answers } = await step(
    "requests through the ELB",
    () => answered(api, installation, deployment, release),
    (result) => `${result.requests} sent, ${result.answers.length} workloads answered`,
  );
  return { ...installation, deployment: deployment.id, release: release.name, answers };
}

async function addNodes(api: Api, { nodes }: Installation): Promise<void> {
  // What a user changed since the first run stays as it is.
  await api.command("POST", "/v1/pods", { name: pod, description: "three engines on one machine" }, [
    "pod_exists",
  ]);
  for (const { name } of nodes)
    await api.command("POST", "/v1/nodes", { name, pod, resources: nodeResources }, ["node_exists"]);
}

async function register(api: Api, release: Release, image: string): Promise<void> {
  await api.command("POST", "/v1/apps", { name: app });
  await api.command("POST", `/v1/apps/${app}/releases`, {
    release: release.name,
    ...(release.gitSha === undefined ? {} : { gitSha: release.gitSha }),
    image,
    specText: readFileSync(join(helloDirectory, "app.yaml"), "utf8"),
  });
}

async function deploy(api: Api, release: Release): Promise<{ id: string; how: string; count: number }> {
  const found = (await api.list("/v1/deployments", { app, entrypoint, pod }, Deployment)).find(
    ({ state }) => state !== "removed" && state !== "removing",
  );
  if (!found) {
    const body = { app, release: release.name, entrypoint, pod, count: workloads, resources };
    const answer = await api.command("POST", "/v1/deployments", body);
    return {
      id: z.string().parse(answer?.["deployment"]),
      how: `wants ${workloads} workloads, each 0.1 CPU and 32 MiB`,
      count: workloads,
    };
  }
  const { deployment: id, release: before } = found;
  const count = found.counts.wanted;
  if (count < workloads) await api.command("POST", `/v1/deployments/${id}/scale`, { count: workloads });
  if (before === release.name) return { id, how: "was there", count: Math.max(count, workloads) };
  await api.command("POST", `/v1/deployments/${id}/upgrade`, { release: release.name });
  return { id, how: `is upgraded from ${before}`, count: Math.max(count, workloads) };
}

async function answered(
  api: Api,
  { elbUrl }: Installation,
  { id: deployment, count }: { id: string; count: number },
  release: Release,
) {
  const ids = async () =>
    (await api.list("/v1/workloads", { deployment }, Workload))
      .filter((workload) => workload.state === "healthy" && workload.release === release.name)
      .map(({ workload }) => workload);
  const result = await askUntilAll(elbUrl, host, { ids, count, withinMs: answersWithinMs });
  if (result.complete) return result;
  throw new LocalError(
    `after ${answersWithinMs / 1000} s and ${result.requests} requests only ${result.answers.length} of ${count} workloads have answered${result.missing.length > 0 ? `, not ${result.missing.join(", ")}` : ""}; ${result.lastFault ? `the last fault was: ${result.lastFault}; ` : ""}\`eru why ${deployment}\` says more`,
  );
}
