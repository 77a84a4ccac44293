import { AcmeDirectoryUrl } from "@eru/events";
import { serviceConfig } from "@eru/service";
import { z } from "zod";

/** What command-api reads from its environment. */
export const commandApiConfig = {
  ...serviceConfig,
  ERU_HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(7370),
  /** How many servers keep the log. */
  ERU_STREAM_REPLICAS: z
    .enum(["1", "3"])
    .default("1")
    .transform((text) => (text === "3" ? 3 : 1)),
  /** SHA-256 of the token that the user `admin` shall have, hexadecimal; absent: nobody is added. */
  ERU_ADMIN_TOKEN_HASH: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "the SHA-256 of the token, 64 lower-case hexadecimal digits")
    .optional(),
  /** The zone's seal keys, a file of mode 0600; absent: no certificate can be stored. */
  ERU_SEAL_KEY_FILE: z.string().min(1).optional(),
  /** Where the zone's router-syncs order certificates; absent: no certificate is ordered. */
  ERU_ACME_DIRECTORY: AcmeDirectoryUrl.optional(),
  /** Requests that one token may send in any second. */
  COMMAND_API_RATE_PER_SECOND: z.coerce.number().int().min(1).max(1_000_000).default(200),
  /** Commands at work at the same time; more are answered 503. */
  COMMAND_API_IN_FLIGHT_MAX: z.coerce.number().int().min(1).max(100_000).default(256),
  /** How long an append is asked again when the log does not answer, in ms; then the answer is 503. */
  COMMAND_API_RETRY_MS: z.coerce.number().int().min(100).max(60_000).default(10_000),
  /** How long a command waits for those before it on the same thing, and for the log to be read, in ms; then 503. */
  COMMAND_API_WAIT_MS: z.coerce.number().int().min(100).max(60_000).default(5_000),
  /** How long the scheduler may take for a dry run, in ms. */
  COMMAND_API_PLAN_TIMEOUT_MS: z.coerce.number().int().min(100).max(60_000).default(5_000),
} as const;

/** How much at once and how long at most; the meaning of each is above. */
export type Limits = {
  ratePerSecond: number;
  inFlightMax: number;
  planTimeoutMs: number;
  waitMs: number;
  /** How long load balancers are listened for; absent: so long that every live one was heard. */
  heartbeatsMs?: number;
};
