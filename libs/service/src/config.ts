import { AppError } from "@eru/events";
import { z } from "zod";

/** The environment does not say what the process needs to know. Lists every variable that is wrong. */
export class ConfigError extends AppError {
  readonly code = "config";
  readonly retryable = false;
}

const port = z.coerce.number().int().min(0).max(65_535);

/** What every service reads from its environment. Secrets are only ever read from here, never logged. */
export const serviceConfig = {
  ERU_NATS_URL: z.string().min(1).default("nats://127.0.0.1:4222"),
  ERU_NATS_USER: z.string().min(1),
  ERU_NATS_PASSWORD: z.string().min(1),
  ERU_LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error"]).default("info"),
  /** Address the service's own HTTP listener binds. */
  ERU_HTTP_HOST: z.string().min(1).default("127.0.0.1"),
  /** 0 takes a free port. */
  ERU_HTTP_PORT: port.default(0),
} as const;

/**
 * The typed configuration from the environment; other variables are ignored.
 * @throws ConfigError naming each variable, its fault and, except for passwords, its value
 */
export function readConfig<S extends z.ZodRawShape>(
  shape: S,
  environment: Readonly<Record<string, string | undefined>>,
): z.infer<z.ZodObject<S>> {
  const known = Object.fromEntries(
    Object.keys(shape)
      .map((key) => [key, environment[key]] as const)
      .filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = z.object(shape).safeParse(known);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => {
    const key = String(path[0]);
    const value = environment[key];
    if (value === undefined || value === "") return `${key} is not set: this service needs it`;
    return `${key} is ${/PASSWORD|TOKEN|SECRET/.test(key) ? "set" : JSON.stringify(value)}: ${message}`;
  });
  throw new ConfigError(`the environment is not usable:\n  ${faults.join("\n  ")}`);
}
