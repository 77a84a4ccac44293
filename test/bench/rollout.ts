// Create and rolling update of fifty workloads on one engine, and a lost node of three: Eru, Docker Swarm and plain engine
// calls, in turns on the same engine in one run, in a world of its own (root):
//   infra/rig/rig world node_modules/.bin/node test/bench/rollout.ts [rounds] [own | bridge]
// own: all three start containers on a network of their own, as Eru's agents do; bridge: all three on Docker's, with
// ERU_AGENT_NETWORK=bridge. Docker takes longer on the former, because it runs a name service for each container there.
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { importHelloImage, startEngines } from "@eru/testing/engines";
import Docker from "dockerode";
import { z } from "zod";
import { Api } from "../../infra/local/src/demo/api.ts";
import { down } from "../../infra/local/src/down.ts";
import { Home } from "../../infra/local/src/home.ts";
import { readPlan } from "../../infra/local/src/plan.ts";
import { rig } from "../../infra/local/src/rig.ts";
import { up } from "../../infra/local/src/up.ts";
import { ratio, row, timed } from "./figures.ts";
import { eruRound, registerBench, request, workloads } from "./rollout/eru.ts";
import { plainRound } from "./rollout/plain.ts";
import { beginSwarm, joinSwarm, runningElsewhere, swarmRound, swarmSpread } from "./rollout/swarm.ts";

const rounds = Number(process.argv[2] ?? 3);
const replicas = 9;
const pod = "bench";
const image = "hello:bench";
const world = process.env["RIG"];
const network = process.argv[3] ?? "own";
if (network !== "own" && network !== "bridge") throw new Error(`own or bridge, not ${network}`);
if (network === "bridge") process.env["ERU_AGENT_NETWORK"] = "bridge";
if (!world)
  throw new Error("run it in a world: infra/rig/rig world node_modules/.bin/node test/bench/rollout.ts");
// Swarm asks a registry for every image unless it is told that this machine has none.
process.env["DOCKER_SERVICE_PREFER_OFFLINE_IMAGE"] = "1";

// Swarm refuses an engine that keeps containers alive without it.
const { engines, stop } = await startEngines(3, { flags: [] });
const dockers = engines.map(({ socket }) => new Docker({ socketPath: socket }));
try {
  for (const engine of engines) await importHelloImage(engine, image);
  await oneEngine();
  await lostNode();
} finally {
  await stop();
}

async function oneEngine(): Promise<void> {
  const [engine] = engines;
  const [docker] = dockers;
  if (!engine || !docker) throw new RangeError("no engine");
  const home = mkdtempSync(join(world ?? "", "home-"));
  process.env["DOCKER_HOST"] = `unix://${engine.socket}`;
  const api = await installed(home, 1);
  try {
    await beginSwarm(docker, engine.address);
    const [plainNetwork, swarmNetwork] = await networks(docker);
    const taken = { plain: [] as Round[], swarm: [] as Round[], eru: [] as Round[] };
    for (let round = 0; round < rounds; round++) {
      taken.plain.push(await plainRound(docker, image, plainNetwork));
      taken.swarm.push(await swarmRound(docker, image, swarmNetwork));
      taken.eru.push(await eruRound(api, pod));
    }
    console.log(network === "own" ? "containers on networks of their own" : "containers on Docker's bridge");
    for (const part of ["create", "update"] as const) {
      const of = (who: keyof typeof taken) => taken[who].map((one) => one[part]);
      console.table({
        [`Eru: ${part} 50, ms`]: row(of("eru")),
        [`Swarm: ${part} 50, ms`]: row(of("swarm")),
        [`plain calls: ${part} 50, ms`]: row(of("plain")),
      });
      console.log(`${part}: Eru over plain calls`, ratio(of("eru"), of("plain")));
      console.log(`${part}: Eru over Swarm`, ratio(of("eru"), of("swarm")));
    }
  } finally {
    await down({ home, purge: true });
    delete process.env["DOCKER_HOST"];
    await docker.swarmLeave({ force: true }).catch(() => undefined);
  }
}

/** Power off a node of three: until all replicas run elsewhere. */
/** What plain calls and Swarm put their containers on; a service on Docker's bridge names none. */
async function networks(docker: Docker): Promise<[string, string | undefined]> {
  if (network === "bridge") return ["bridge", undefined];
  await docker.createNetwork({ Name: "plain" });
  await docker.createNetwork({
    Name: "swarm",
    Driver: "bridge",
    Scope: "swarm",
  } as Docker.NetworkCreateOptions);
  return ["plain", "swarm"];
}

async function lostNode(): Promise<void> {
  const swarm: number[] = [];
  const eru: number[] = [];
  for (let round = 0; round < rounds; round++) {
    swarm.push(await swarmLoss());
    eru.push(await eruLoss());
  }
  console.table({
    "Eru: node lost until restored, ms": row(eru),
    "Swarm: node lost until restored, ms": row(swarm),
  });
  console.log("node loss: Eru over Swarm", ratio(eru, swarm));
}

async function swarmLoss(): Promise<number> {
  const [manager, ...others] = engines.map((engine, at) => ({ ...engine, engine: dockers[at] as Docker }));
  const victim = others.at(-1);
  if (!manager || !victim) throw new RangeError("three engines are wanted");
  await beginSwarm(manager.engine, manager.address);
  await joinSwarm(manager.engine, manager.address, others);
  await swarmSpread(manager.engine, image, replicas);
  const node = z
    .looseObject({ Swarm: z.looseObject({ NodeID: z.string() }) })
    .parse(await victim.engine.info());
  const took = await timed(async () => {
    await victim.powerOff();
    await runningElsewhere(manager.engine, node.Swarm.NodeID, replicas);
  });
  await victim.start();
  for (const { engine } of [...others, manager])
    await engine.swarmLeave({ force: true }).catch(() => undefined);
  return took;
}

async function eruLoss(): Promise<number> {
  const home = mkdtempSync(join(world ?? "", "home-"));
  const api = await installed(home, 3);
  try {
    const { id } = await request(api, pod, replicas);
    await until(async () => (await elsewhere(api, id)).length + (await on(api, id)) === replicas);
    const plan = readPlan(new Home(home));
    if (plan?.engine.kind !== "rig") throw new Error("the nodes are namespaces");
    const { engine } = plan;
    return await timed(async () => {
      await rig(new Home(home), engine, "off", "3");
      await until(async () => (await elsewhere(api, id)).length >= replicas);
    });
  } finally {
    await down({ home, purge: true });
  }
}

type Round = { create: number; update: number };

async function elsewhere(api: Api, id: string) {
  return (await workloads(api, id)).filter(({ state, node }) => state === "healthy" && node !== "n3");
}

async function on(api: Api, id: string): Promise<number> {
  return (await workloads(api, id)).filter(({ state, node }) => state === "healthy" && node === "n3").length;
}

async function until(done: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 120_000; !(await done()); await sleep(50))
    if (performance.now() > end) throw new Error("not within two minutes");
}

/** An installation with its nodes in one pod, and the app. */
async function installed(home: string, nodes: number): Promise<Api> {
  const zone = await up({ home, nodes });
  const { token } = z.object({ token: z.string() }).parse(JSON.parse(readFileSync(zone.contextFile, "utf8")));
  const api = new Api(zone, token);
  if (nodes > 1) for (const node of zone.nodes) await importHelloImage(node, image);
  await api.command("POST", "/v1/pods", { name: pod });
  for (const { name } of zone.nodes)
    await api.command("POST", "/v1/nodes", { name, pod, resources: { cpu: 2, memoryMib: 2_048 } });
  await registerBench(api, image);
  return api;
}
