import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { LocalError } from "./errors.ts";
import { type Home, readIfThere, writeWhole } from "./home.ts";
import { choosePorts } from "./ports.ts";

const Port = z.int().min(1).max(65_535);

/**
 * What an installation consists of: chosen when it is made, kept, and adapted only where another program has taken a
 * port or an address in the meantime.
 */
export const Plan = z.strictObject({
  version: z.literal(1),
  /** `own`: one node, the machine's engine at `socket`. `rig`: nodes in namespaces, each with an engine of its own. */
  engine: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("own"), socket: z.string() }),
    z.strictObject({ kind: z.literal("rig"), name: z.string(), net: z.string() }),
  ]),
  nodes: z.int().min(1).max(99),
  ports: z.strictObject({
    /** command-api */
    command: Port,
    /** projector */
    query: Port,
    /** what users' requests go to */
    elb: Port,
    /** the same over TLS; installations from before it was there get it here */
    elbTls: Port.default(8443),
    nats: Port,
    natsMonitor: Port,
    scheduler: Port,
    routerSync: Port,
    /** each agent's health, on its node's address */
    agent: Port,
  }),
  /**
   * Load balancers besides the first: what users' requests go to, the same over TLS (installations from before it was there
   * get it at their next start), and each one's router-sync.
   */
  moreElbs: z.array(z.strictObject({ elb: Port, elbTls: Port.optional(), routerSync: Port })).default([]),
});
export type Plan = z.infer<typeof Plan>;

/** Ports that the user named; the others are chosen. */
export type WantedPorts = Partial<Pick<Plan["ports"], "command" | "query" | "elb" | "nats">>;

const defaultPorts: Plan["ports"] = {
  command: 7370,
  query: 7371,
  elb: 8080,
  elbTls: 8443,
  nats: 4222,
  natsMonitor: 8222,
  scheduler: 7372,
  routerSync: 7373,
  agent: 7374,
};

const moreElbsFirst = { elb: 8180, elbTls: 8543, routerSync: 7480 };

const netsFirst = 77;
const netsLast = 127;

/** The addresses of a rig where the machine does not use them. */
export const rigNetDefault = `10.${netsFirst}`;

/** The most nodes one machine is asked to hold. */
export const nodesMax = 32;

/** Links and cgroups of two installations must not meet, so the name of a rig comes from the directory. */
export const rigName = (home: Home): string =>
  `e${createHash("sha256").update(home.path).digest("hex").slice(0, 6)}`;

/** What is kept, undefined before the first start. */
export function readPlan(home: Home): Plan | undefined {
  const text = readIfThere(home.plan);
  if (text === undefined) return undefined;
  const parsed = Plan.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new LocalError(
    `${home.plan} is damaged (${issue?.path.join(".") || "the whole file"}: ${issue?.message}): remove the installation with \`${home.purgeCommand}\``,
  );
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export const writePlan = (home: Home, plan: Plan): void =>
  writeWhole(home.plan, `${JSON.stringify(plan, undefined, 2)}\n`);

/** What a start asks for. */
export type Wish = {
  nodes: number;
  /** Load balancers; absent: as many as there are, at first one. */
  elbs?: number;
  ports: WantedPorts;
  /** The machine's own engine, when one answers and one node was asked for. */
  ownSocket: string | undefined;
  /** Something of the installation runs: addresses and ports stay as they are. */
  running: boolean;
};

/**
 * The plan for this start: a new one, or the kept one with more nodes if so wished. While nothing of the installation
 * runs, ports and addresses that others have taken meanwhile are chosen anew.
 * @throws LocalError the wish contradicts what is there
 */
export async function makePlan(home: Home, before: Plan | undefined, wish: Wish): Promise<Plan> {
  if (before) checkWish(home, before, wish);
  const moreElbs = await chooseElbs(before, wish);
  if (before && wish.running) return { ...before, nodes: wish.nodes, moreElbs };
  const kept = { ...defaultPorts, ...before?.ports };
  const fixed: Partial<Plan["ports"]> = wish.ports;
  const ports = await choosePorts(
    (Object.keys(defaultPorts) as (keyof Plan["ports"])[]).map((name) => ({
      name,
      fixed: fixed[name],
      preferred: kept[name],
    })),
  );
  const engine = chooseEngine(home, before?.engine, wish.ownSocket);
  return Plan.parse({ version: 1, engine, nodes: wish.nodes, ports, moreElbs });
}

/** The load balancers besides the first. While something runs, those that are there stay where they are. */
async function chooseElbs(before: Plan | undefined, { elbs, running }: Wish): Promise<Plan["moreElbs"]> {
  const kept = before?.moreElbs ?? [];
  const count = elbs === undefined ? kept.length : elbs - 1;
  const chosen = running ? kept.slice(0, count) : [];
  for (let at = chosen.length; at < count; at++) {
    const last = chosen.at(-1);
    const wishFor = (name: keyof typeof moreElbsFirst) => {
      const before = last?.[name];
      return { name, fixed: undefined, preferred: before === undefined ? moreElbsFirst[name] : before + 1 };
    };
    const names = ["elb", "elbTls", "routerSync"] as const;
    const { elb = 0, elbTls = 0, routerSync = 0 } = await choosePorts(names.map(wishFor));
    chosen.push({ elb, elbTls, routerSync });
  }
  return chosen;
}

function checkWish(home: Home, before: Plan, wish: Wish): void {
  const otherwise = `remove the installation with \`${home.purgeCommand}\`, or use another ERU_HOME`;
  const asked = `${wish.nodes} ${wish.nodes === 1 ? "was" : "were"} asked for`;
  if (wish.nodes < before.nodes)
    throw new LocalError(
      `the installation in ${home.path} has ${before.nodes} nodes, ${asked}: nodes are not taken away from it; ${otherwise}`,
    );
  const elbs = before.moreElbs.length + 1;
  if (wish.elbs !== undefined && wish.elbs < elbs)
    throw new LocalError(
      `the installation in ${home.path} has ${elbs} load balancers, ${wish.elbs} asked for: they are not taken away from it; ${otherwise}`,
    );
  if (before.engine.kind === "own" && wish.nodes > 1)
    throw new LocalError(
      `the installation in ${home.path} has the machine's own engine as its one node, ${asked}: ${otherwise}`,
    );
  if (!wish.running) return;
  for (const [name, port] of Object.entries(wish.ports))
    if (port !== undefined && before.ports[name as keyof Plan["ports"]] !== port)
      throw new LocalError(
        `port ${port} was asked for ${name}, which runs on ${before.ports[name as keyof Plan["ports"]]}: \`eru down --home ${home.path}\` first`,
      );
}

function chooseEngine(
  home: Home,
  before: Plan["engine"] | undefined,
  ownSocket: string | undefined,
): Plan["engine"] {
  if (before?.kind === "own") return before;
  if (!before && ownSocket !== undefined) return { kind: "own", socket: ownSocket };
  return { kind: "rig", name: rigName(home), net: freeNet(before?.net) };
}

/** Two numbers of a private network that this machine has no route into. */
function freeNet(preferred: string | undefined): string {
  const routed = routedNets();
  const nets = Array.from({ length: netsLast - netsFirst + 1 }, (_, at) => `10.${netsFirst + at}`);
  const free = [...(preferred === undefined ? [] : [preferred]), ...nets].find((net) => !routed.has(net));
  if (free !== undefined) return free;
  throw new LocalError(
    `every network from 10.${netsFirst}.0.0/16 to 10.${netsLast}.0.0/16 is routed on this machine: free one`,
  );
}

/** The first two numbers of every network of the kernel's table. A wider route, as of a VPN, gives way to ours. */
function routedNets(): Set<string> {
  const lines = readFileSync("/proc/net/route", "utf8").trim().split("\n").slice(1);
  return new Set(
    lines.map((line) => {
      const address = Number.parseInt(line.split("\t")[1] ?? "0", 16); // Lowest byte first.
      return `${address & 255}.${(address >> 8) & 255}`;
    }),
  );
}
