import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withNewSealKey } from "@eru/tls";
import { z } from "zod";
import { LocalError } from "./errors.ts";
import { type NatsUser, natsConfig } from "./nats-config.ts";
import { tokenHash } from "./secrets.ts";

/** An installation whose parts run elsewhere: as systemd units, or as containers. */
export type InitOptions = {
  /** Where the files go; made with mode 0700. */
  directory: string;
  /** The nodes that will have an agent. */
  nodes: readonly string[];
  /** The load balancers. */
  elbs: readonly string[];
  /** How the services reach NATS, and how the agents and load balancers do. */
  natsUrl: { services: string; nodes: string };
  natsListen: { host: string; port: number };
  natsStoreDir: string;
  /** What the HTTP listeners of command-api and projector bind. */
  httpHost: string;
  /** Where command-api and router-sync find the seal keys; absent: they do without, and take no private keys. */
  sealKeyFile?: string;
  /** The ACME directory that certificates are ordered from; its operator's terms are agreed to. Needs `sealKeyFile`. */
  acme?: { directory: string; email: string };
  /** Makes a new seal key the current one; those before stay, for what is sealed with them. */
  rotateSealKey?: boolean;
};

const Kept = z.strictObject({ passwords: z.record(z.string(), z.string()), adminToken: z.string() });
const random = () => randomBytes(24).toString("base64url");

/**
 * Writes what an installation needs to know: nats.conf, one environment file per process, and the context of the command
 * line. Passwords and token are made once; running it again with more nodes adds theirs and keeps the rest.
 * @returns the names of the files
 */
export function init(options: InitOptions): string[] {
  const { directory, natsListen, natsStoreDir } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const kept = readKept(join(directory, "secrets.json"));
  const users = natsUsers(options, (user) => {
    kept.passwords[user] ??= random();
    return kept.passwords[user];
  });
  const files = {
    "nats.conf": natsConfig({ listen: natsListen, monitorPort: 8222, storeDir: natsStoreDir, users }),
    ...Object.fromEntries(
      users.map((user) => [`${user.name}.env`, environmentOf(user, options, kept.adminToken)]),
    ),
    "context.json": asJson({
      commandUrl: "http://127.0.0.1:7370",
      queryUrl: "http://127.0.0.1:7371",
      token: kept.adminToken,
    }),
    "secrets.json": asJson(kept),
    "seal.json": sealKeys(join(directory, "seal.json"), options.rotateSealKey),
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    chmodSync(join(directory, name), 0o600); // The mode above counts only for a new file.
  }
  return Object.keys(files);
}

/** Made once. They are kept apart from the rest: only command-api and router-sync get this file. */
function sealKeys(file: string, rotate = false): string {
  const before = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  return before === undefined || rotate ? withNewSealKey(before) : before;
}

const asJson = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;

/** A user's name is also the name of its process's environment file. */
function natsUsers({ nodes, elbs }: InitOptions, passwordOf: (user: string) => string): NatsUser[] {
  const withPassword = (name: string) => ({ name, password: passwordOf(name) });
  return [
    ...(["setup", "command-api", "scheduler", "projector"] as const).map((role) => ({
      ...withPassword(role),
      role,
    })),
    ...elbs.map((elb) => ({ ...withPassword(`router-sync-${elb}`), role: "router-sync" as const, elb })),
    ...nodes.map((node) => ({ ...withPassword(`node-agent-${node}`), role: "agent" as const, node })),
  ];
}

function environmentOf(user: NatsUser, options: InitOptions, adminToken: string): string {
  const { natsUrl } = options;
  const onNode = user.role === "agent" || user.role === "router-sync";
  const variables = {
    ERU_NATS_URL: onNode ? natsUrl.nodes : natsUrl.services,
    ERU_NATS_USER: user.name,
    ERU_NATS_PASSWORD: user.password,
    ...ownVariables(user, options, adminToken),
  };
  return Object.entries(variables)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

function ownVariables(
  user: NatsUser,
  { httpHost, sealKeyFile, acme }: InitOptions,
  adminToken: string,
): Record<string, string> {
  const sealing = {
    ...(sealKeyFile !== undefined && { ERU_SEAL_KEY_FILE: sealKeyFile }),
    ...(acme && {
      ERU_ACME_DIRECTORY: acme.directory,
      ERU_ACME_EMAIL: acme.email,
      ERU_ACME_AGREE: "yes",
    }),
  };
  switch (user.role) {
    case "setup":
    case "sim-nodes":
      return {};
    case "command-api":
      return {
        ERU_HTTP_HOST: httpHost,
        ERU_HTTP_PORT: "7370",
        ERU_ADMIN_TOKEN_HASH: tokenHash(adminToken),
        ...sealing,
      };
    case "projector":
      return {
        ERU_HTTP_HOST: httpHost,
        ERU_HTTP_PORT: "7371",
        ERU_DATABASE: "/var/lib/eru/projector/views.sqlite",
      };
    case "scheduler":
      return { ERU_HTTP_PORT: "7372", SCHEDULER_SNAPSHOT_DIR: "/var/lib/eru/scheduler" };
    case "router-sync":
      return {
        ERU_ELB_NAME: user.elb,
        ERU_ELB_DIR: "/var/lib/eru/router-sync",
        ERU_HTTP_PORT: "7373",
        ...sealing,
      };
    case "agent":
      return { ERU_NODE: user.node, ERU_DOCKER_SOCKET: "/var/run/docker.sock", ERU_HTTP_PORT: "7374" };
  }
}

function readKept(file: string): z.infer<typeof Kept> {
  if (!existsSync(file)) return { passwords: {}, adminToken: `eru_${random()}` };
  const kept = Kept.safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (!kept.success) throw new LocalError(`${file} is damaged: restore it, or remove it to make new secrets`);
  return kept.data;
}
