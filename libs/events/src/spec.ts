import { z } from "zod";
import { Argv, Hooks } from "./hooks.ts";

const Port = z.int("a port is a whole number").min(1, "a port is from 1 to 65535").max(65_535);

export { Port };

const PositiveMs = (most: number) => z.int().min(1).max(most);

/**
 * How the agent decides that a workload is healthy. All `tcpPorts` must accept a connection, when `http` is given a GET
 * must answer `http.code` (absent: any status from 200 to 399), and when `command` is given it must, run inside the
 * container, exit with 0. Without a health check running is healthy.
 */
export const HealthCheck = z
  .strictObject({
    tcpPorts: z.array(Port).max(16).default([]),
    http: z
      .strictObject({
        port: Port,
        path: z.string().startsWith("/", "an HTTP check's path begins with /").max(1024).default("/"),
        code: z.int().min(100).max(599).optional(),
      })
      .optional(),
    command: Argv.optional(),
    /** Milliseconds between two probes. */
    intervalMs: PositiveMs(3_600_000).default(2_000),
    /** Milliseconds until a probe counts as failed. */
    timeoutMs: PositiveMs(60_000).default(1_000),
    /** Successes in a row until healthy. */
    healthyAfter: z.int().min(1).max(100).default(1),
    /** Failures in a row until unhealthy. */
    unhealthyAfter: z.int().min(1).max(100).default(3),
    /** Milliseconds after start in which failures do not count. The first success ends it. */
    startPeriodMs: z.int().min(0).max(3_600_000).default(10_000),
  })
  .refine((check) => check.tcpPorts.length > 0 || check.http !== undefined || check.command !== undefined, {
    message: "a health check needs tcpPorts, http or command",
  });
export type HealthCheck = z.infer<typeof HealthCheck>;

/** What the agent does when the process ends by itself. Restarts back off, doubling from 1 s to 60 s. */
export const RestartPolicy = z.strictObject({
  policy: z.enum(["always", "on-failure", "no"]).default("always"),
  /** Restarts without a healthy minute in between, after which the workload is failed for good and replaced. */
  retriesMax: z.int().min(0).max(1_000).default(5),
});
export type RestartPolicy = z.infer<typeof RestartPolicy>;

const EnvName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "not an environment variable name");
/** Names the agent sets itself; users cannot. */
export const reservedEnv = /^(ERU_|APP_NAME$)/;
/** Environment variables of a workload. */
export const Env = z
  .record(
    EnvName.refine((key) => !reservedEnv.test(key), "names with ERU_ and APP_NAME are set by Eru itself"),
    z.string().max(32_768),
  )
  .refine((env) => Object.keys(env).length <= 256, "at most 256 variables");

/** One way to run a release. Commands are argument lists; no shell is involved. */
export const Entrypoint = z.strictObject({
  /** Arguments of the process; empty: what the image says. */
  command: z.array(z.string().max(4_096)).max(256).default([]),
  /** Ports the process listens on inside its network. */
  publish: z.array(Port).max(32).default([]),
  healthcheck: HealthCheck.optional(),
  restart: RestartPolicy.prefault({}),
  network: z.enum(["bridge", "host"]).default("bridge"),
  dir: z.string().startsWith("/").max(1_024).optional(),
  env: Env.default({}),
  /** Seconds between SIGTERM and SIGKILL. */
  graceSeconds: z
    .int()
    .min(0)
    .max(3_600, "graceSeconds is at most 3600, an hour: what takes longer belongs into a job of its own")
    .default(10),
  hooks: Hooks.optional(),
});
export type Entrypoint = z.infer<typeof Entrypoint>;
