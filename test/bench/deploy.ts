// Two figures on three real engines, in turns in one run, in a world of its own (root):
//   infra/rig/rig world node_modules/.bin/node test/bench/deploy.ts [rounds]
// 1. Thirty workloads until all are started, against plain engine calls with the same concurrency.
// 2. From the agent's word that a workload is healthy to the first request it serves through the load balancer.
import { mkdtempSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import { z } from "zod";
import { Api } from "../../infra/local/src/demo/api.ts";
import { demo } from "../../infra/local/src/demo/demo.ts";
import { down } from "../../infra/local/src/down.ts";
import { ratio, row, timed } from "./figures.ts";

const rounds = Number(process.argv[2] ?? 3);
const workloads = 30;
const scaleSteps = 12;
/** The agent's own bound per node. */
const atOnce = 8;
const host = "hello.localhost";
const world = process.env["RIG"];
// As the plain calls: Docker takes longer to start a container on a network with a name service of its own.
process.env["ERU_AGENT_NETWORK"] ??= "bridge";
if (!world)
  throw new Error("run it in a world: infra/rig/rig world node_modules/.bin/node test/bench/deploy.ts");
const home = mkdtempSync(join(world, "home-"));

const Event = z.looseObject({
  seq: z.number(),
  type: z.string(),
  time: z.string(),
  payload: z.looseObject({}),
});
const Workload = z.looseObject({ workload: z.string(), state: z.string() });

const begun = await demo({
  home,
  nodes: 3,
  say: () => {},
  tell: (step, _, s) => console.log(`${s.toFixed(1)} s ${step}`),
});
try {
  const { token } = z
    .object({ token: z.string() })
    .parse(JSON.parse(readFileSync(begun.contextFile, "utf8")));
  const api = new Api(begun, token);
  const engines = begun.nodes.map(({ socket }) => new Docker({ socketPath: socket }));
  const image = `hello:${begun.release}`;

  const plain: number[] = [];
  const eru: number[] = [];
  for (let round = 0; round < rounds; round++) {
    plain.push(await timed(() => plainStart(engines, image)));
    await plainRemove(engines);
    const answer = await api.command("POST", "/v1/deployments", {
      app: "hello",
      release: begun.release,
      entrypoint: "web",
      pod: "demo",
      count: workloads,
      resources: { cpu: 0.01, memoryMib: 8 },
    });
    const id = z.string().parse(answer?.["deployment"]);
    const events = await started(api, id, answer?.seq ?? 0);
    eru.push(events.lastStarted - events.requested);
    await api.command("DELETE", `/v1/deployments/${id}`, undefined);
    await gone(api, id);
  }
  console.table({ "30 workloads started, ms": row(eru), "plain engine calls, ms": row(plain) });
  console.log("Eru over plain calls:", ratio(eru, plain), {
    eru: eru.map(Math.round),
    plain: plain.map(Math.round),
  });

  const toServe: number[] = [];
  for (let count = 4; count < 4 + scaleSteps; count++) {
    const seen = firstAnswers(new URL(begun.elbUrl));
    const answer = await api.command("POST", `/v1/deployments/${begun.deployment}/scale`, { count });
    toServe.push(await seen.newcomer(await healthyAt(api, answer?.seq ?? 0)));
  }
  console.table({ "healthy to first answer through the ELB, ms": row(toServe) });
} finally {
  await down({ home, purge: true });
}

async function plainStart(engines: readonly Docker[], image: string): Promise<void> {
  const perEngine = workloads / engines.length;
  await Promise.all(
    engines.map(async (engine) => {
      const left = Array.from({ length: perEngine }, (_, n) => n);
      const one = async () => {
        for (let n = left.pop(); n !== undefined; n = left.pop()) {
          const container = await engine.createContainer({
            name: `plain-${n}`,
            Image: image,
            HostConfig: { Memory: 8 * 1024 ** 2, NanoCpus: 10_000_000, NetworkMode: "bridge" },
          });
          await container.start();
        }
      };
      await Promise.all(Array.from({ length: atOnce }, one));
    }),
  );
}

async function plainRemove(engines: readonly Docker[]): Promise<void> {
  for (const engine of engines)
    for (const { Id, Names } of await engine.listContainers({ all: true }))
      if (Names[0]?.startsWith("/plain-")) await engine.getContainer(Id).remove({ force: true });
}

/** When the deployment was requested and when its last workload had started, by the writers' clocks: one machine. */
async function started(api: Api, deployment: string, fromSeq: number) {
  for (;;) {
    const events = await api.list("/v1/events", { fromSeq: String(fromSeq), limit: "1000" }, Event);
    const requested = events.find(({ seq }) => seq === fromSeq);
    const starts = events.filter(
      ({ type, payload }) =>
        type === "ContainerStarted" && String(payload["workload"]).startsWith(`${deployment}-`),
    );
    if (requested && starts.length === workloads)
      return {
        requested: Date.parse(requested.time),
        lastStarted: Math.max(...starts.map(({ time }) => Date.parse(time))),
      };
    await sleep(200);
  }
}

async function gone(api: Api, deployment: string): Promise<void> {
  while ((await api.list("/v1/workloads", { deployment }, Workload)).some(({ state }) => state !== "removed"))
    await sleep(200);
}

/** The newcomer's name and when its agent said that it is healthy. */
async function healthyAt(api: Api, fromSeq: number): Promise<{ workload: string; at: number }> {
  for (;;) {
    const events = await api.list(
      "/v1/events",
      { fromSeq: String(fromSeq), type: "ContainerHealthy" },
      Event,
    );
    const [event] = events;
    if (event) return { workload: String(event.payload["workload"]), at: Date.parse(event.time) };
    await sleep(20);
  }
}

/** Asks the load balancer all the time and notes when each workload answered first. */
function firstAnswers(url: URL) {
  const first = new Map<string, number>();
  let asking = true;
  const ask = (): void => {
    const call = request(url, { headers: { host } }, (answer) => {
      const id = String(answer.headers["x-id"]);
      if (answer.statusCode === 200 && !first.has(id)) first.set(id, Date.now());
      answer.resume();
      answer.once("end", () => asking && setImmediate(ask));
    });
    call.once("error", () => asking && setImmediate(ask));
    call.end();
  };
  ask();
  ask();
  return {
    newcomer: async ({ workload, at }: { workload: string; at: number }): Promise<number> => {
      for (;;) {
        const answered = first.get(workload);
        if (answered !== undefined) {
          asking = false;
          return answered - at;
        }
        await sleep(5);
      }
    },
  };
}
