import { AppError } from "@eru/events";
import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger };

/** How long closing may hang before the process ends anyway. */
const closeTimeoutMs = 10_000;

/** JSON lines on standard output, or wherever told. Fields that could hold a secret are removed wherever they stand. */
export function createLog(name: string, level: string, to?: DestinationStream): Logger {
  return pino(
    {
      name,
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: ["password", "token", "authorization", "*.password", "*.token", "*.authorization"],
        remove: true,
      },
    },
    to ?? pino.destination(1),
  );
}

/** Aborts at the first SIGINT or SIGTERM. Ends the process by force when closing then takes longer than 10 s. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      stop.abort(signal);
      setTimeout(() => process.exit(1), closeTimeoutMs).unref();
    });
  }
  return stop.signal;
}

/**
 * Runs a service's main function and turns its end into an exit status: 0 when it returns, 2 for an unusable
 * configuration, 1 for anything else, with one readable line. Only `main.ts` calls this.
 */
export async function runMain(name: string, main: (signal: AbortSignal) => Promise<void>): Promise<never> {
  try {
    await main(stopSignal());
    process.exit(0);
  } catch (error) {
    const config = error instanceof AppError && error.code === "config";
    if (config) process.stderr.write(`${name}: ${error.message}\n`);
    else createLog(name, "info").fatal({ err: error }, "cannot go on");
    process.exit(config ? 2 : 1);
  }
}
