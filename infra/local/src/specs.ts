import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Home, repository } from "./home.ts";
import type { NatsRole } from "./nats-config.ts";
import type { Plan } from "./plan.ts";
import { type NodeAt, nodesOf, rigEnv, rigScript, sharedAddress } from "./rig.ts";
import { type Secrets, tokenHash } from "./secrets.ts";
import type { UnitSpec } from "./unit.ts";

/** The Node runtime that the lock file names, not the one that happens to be on the path. */
export const nodeProgram = join(repository, "node_modules/node/bin/node");
const main = (service: string) => join(repository, "services", service, "src/main.ts");
const toolsNats = join(repository, ".eru/tools/bin/nats-server");

const serviceStopMs = 12_000;
const engineStopMs = 30_000;

/** One load balancer of an installation with its router-sync. */
type ElbAt = {
  name: string;
  user: string;
  directory: string;
  port: number;
  tlsPort: number | undefined;
  routerSync: number;
};

/** The load balancers of an installation, the first one first. */
export const elbsOf = (home: Home, { ports, moreElbs }: Plan): ElbAt[] =>
  [ports, ...moreElbs].map(({ elb, elbTls, routerSync }, at) => ({
    name: at === 0 ? "local" : `local-${at + 1}`,
    user: at === 0 ? "router-sync" : `router-sync-${at + 1}`,
    directory: home.elbOf(at),
    port: elb,
    tlsPort: elbTls,
    routerSync,
  }));

/** The users of an installation's NATS server: one per service and one per node. */
export function natsUsers(home: Home, plan: Plan): (NatsRole & { name: string })[] {
  const agents = nodesOf(home, plan).map(
    ({ name }) => ({ role: "agent", node: name, name: agentUser(name) }) as const,
  );
  return [
    { role: "setup", name: "setup" },
    { role: "command-api", name: "command-api" },
    { role: "scheduler", name: "scheduler" },
    { role: "projector", name: "projector" },
    ...elbsOf(home, plan).map(({ name, user }) => ({ role: "router-sync", name: user, elb: name }) as const),
    { role: "sim-nodes", name: simNodesUser },
    ...agents,
  ];
}

/** Who the agents of machines that are not there are. */
export const simNodesUser = "sim-nodes";

const agentUser = (node: string): string => `agent-${node}`;

/** Everything an installation consists of, in the order of starting. */
export function unitSpecs(
  home: Home,
  plan: Plan,
  secrets: Secrets,
  env: { path: string; acme?: Environment; agent?: Environment },
): UnitSpec[] {
  const base = { PATH: env.path, HOME: home.path, ERU_SUPERVISED: home.path };
  const nats = natsUnit(home, plan, base);
  const stream: UnitSpec = {
    name: "stream",
    kind: "task",
    command: [nodeProgram, join(repository, "infra/local/src/ensure-stream.ts")],
    env: { ...base, ...natsAccess(plan, secrets, "setup") },
    after: ["nats"],
    stopMs: serviceStopMs,
  };
  const services = serviceUnits(home, plan, secrets, { base, acme: env.acme ?? {} });
  const nodes = nodesOf(home, plan).flatMap((node, at) =>
    nodeUnits({ home, plan, secrets, base, agent: env.agent ?? {}, node, at }),
  );
  if (plan.engine.kind === "own") return [nats, stream, ...services, ...nodes];
  const rigging = { ...base, ...rigEnv(home, plan.engine) };
  const rigSwitch: UnitSpec = {
    name: "switch",
    kind: "task",
    command: [rigScript, "up"],
    env: rigging,
    after: [],
    stopMs: serviceStopMs,
  };
  return [rigSwitch, { ...nats, after: ["switch"] }, stream, ...services, ...nodes];
}

type Environment = Readonly<Record<string, string>>;

/** What a process needs to know to be this user of the NATS server. */
export const natsAccess = (plan: Plan, secrets: Secrets, user: string): Environment => ({
  ERU_NATS_URL: `nats://${sharedAddress(plan)}:${plan.ports.nats}`,
  ERU_NATS_USER: user,
  ERU_NATS_PASSWORD: secrets.natsPasswords[user] ?? "",
});

const natsUnit = (home: Home, plan: Plan, base: Environment): UnitSpec => ({
  name: "nats",
  kind: "process",
  command: [existsSync(toolsNats) ? toolsNats : "nats-server", "--config", home.natsConf],
  env: base,
  after: [],
  ready: { kind: "http", host: "127.0.0.1", port: plan.ports.natsMonitor, path: "/healthz" },
  stopMs: engineStopMs,
});

/** What `eru up` was told of an ACME directory: the variables that command-api and router-sync read. */
export const acmeVariables = (environment: NodeJS.ProcessEnv): Environment =>
  passedOn(environment, ["ERU_ACME_DIRECTORY", "ERU_ACME_EMAIL", "ERU_ACME_AGREE"]);

/** What `eru up` was told of the containers' network and the rest of its addresses. */
export const agentVariables = (environment: NodeJS.ProcessEnv): Environment =>
  passedOn(environment, ["ERU_AGENT_NETWORK", "ERU_AGENT_QUARANTINE_S"]);

const passedOn = (environment: NodeJS.ProcessEnv, keys: readonly string[]): Environment =>
  Object.fromEntries(
    keys.flatMap((key) => {
      const value = environment[key];
      return value === undefined ? [] : [[key, value]];
    }),
  );

function serviceUnits(
  home: Home,
  plan: Plan,
  secrets: Secrets,
  { base, acme }: { base: Environment; acme: Environment },
): UnitSpec[] {
  const service = (name: string, port: number, own: Environment = {}, program = name): UnitSpec => ({
    name,
    kind: "process",
    command: [nodeProgram, main(program)],
    env: {
      ...base,
      ...natsAccess(plan, secrets, name),
      ERU_HTTP_HOST: "127.0.0.1",
      ERU_HTTP_PORT: String(port),
      ERU_LOG_LEVEL: "info",
      ...own,
    },
    after: ["stream"],
    ready: { kind: "http", host: "127.0.0.1", port, path: "/readyz" },
    stopMs: serviceStopMs,
  });
  return [
    service("command-api", plan.ports.command, {
      ERU_ADMIN_TOKEN_HASH: tokenHash(secrets.adminToken),
      ERU_SEAL_KEY_FILE: home.sealKeys,
      ...acme,
    }),
    service("scheduler", plan.ports.scheduler, { SCHEDULER_SNAPSHOT_DIR: home.snapshots }),
    service("projector", plan.ports.query, { ERU_DATABASE: home.database }),
    ...elbsOf(home, plan).map(({ name, user, directory, port, tlsPort, routerSync }) =>
      service(
        user,
        routerSync,
        {
          ERU_ELB_NAME: name,
          ERU_ELB_LISTEN: `127.0.0.1:${port}`,
          ERU_ELB_DIR: directory,
          ERU_SEAL_KEY_FILE: home.sealKeys,
          ...acme,
          ...(tlsPort !== undefined && { ERU_ELB_TLS_LISTEN: `127.0.0.1:${tlsPort}` }),
        },
        "router-sync",
      ),
    ),
  ];
}

type NodeParts = {
  home: Home;
  plan: Plan;
  secrets: Secrets;
  base: Environment;
  agent: Environment;
  node: NodeAt;
  at: number;
};

function nodeUnits({ home, plan, secrets, base, agent: told, node, at }: NodeParts): UnitSpec[] {
  const agent: UnitSpec = {
    name: `agent-${node.name}`,
    kind: "process",
    command: [nodeProgram, main("node-agent")],
    env: {
      ...base,
      ...natsAccess(plan, secrets, agentUser(node.name)),
      ERU_HTTP_HOST: node.address,
      ERU_HTTP_PORT: String(plan.ports.agent),
      ERU_LOG_LEVEL: "info",
      ERU_NODE: node.name,
      ERU_DOCKER_SOCKET: node.socket,
      ERU_NODE_ADDRESS: node.address,
      // The ELB is on this machine and has a route to every container.
      ERU_AGENT_ADVERTISE: "container",
      ...(node.subnet !== undefined && { ERU_AGENT_SUBNET: node.subnet }),
      ...told,
    },
    after: ["stream"],
    ready: { kind: "http", host: node.address, port: plan.ports.agent, path: "/readyz" },
    stopMs: serviceStopMs,
  };
  if (plan.engine.kind === "own") return [agent];
  const rigging = { ...base, ...rigEnv(home, plan.engine) };
  const number = String(at + 1);
  const directory = join(home.rig, node.name);
  return [
    {
      name: `node-${node.name}`,
      kind: "node",
      command: [rigScript, "on", number],
      env: rigging,
      after: ["switch"],
      pidFile: join(directory, "init"),
      offFile: join(directory, "off"),
      stopMs: serviceStopMs,
    },
    {
      name: `engine-${node.name}`,
      kind: "process",
      // Containers live on while their engine is away.
      command: [rigScript, "run-engine", number, "--live-restore"],
      env: rigging,
      after: [`node-${node.name}`],
      ready: { kind: "unix", socket: node.socket, path: "/_ping" },
      inNode: true,
      stopMs: engineStopMs,
    },
    {
      ...agent,
      command: [rigScript, "in", number, ...agent.command],
      env: { ...agent.env, ...rigEnv(home, plan.engine) },
      after: ["stream", `engine-${node.name}`],
      inNode: true,
    },
  ];
}
