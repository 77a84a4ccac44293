/** The world as a command sees it: tests give another one. */
export type Io = {
  /** What was asked for. */
  out(text: string): void;
  /** What is said besides: progress, hints, errors. */
  err(text: string): void;
  errTty: boolean;
  /** Width of the terminal, or Infinity when standard output is none: nothing is cut then. */
  columns: number;
  /** Width and height of the terminal that progress is drawn on. */
  errColumns: number;
  errRows: number;
  colour: boolean;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** Milliseconds since 1970, for ages and elapsed times. */
  now(): number;
  /** Aborts at Ctrl-C. */
  signal: AbortSignal;
};

/** The process's own streams. A reader that goes away (`eru events | head`) is not an error. */
export function processIo(signal: AbortSignal): Io {
  const { stdout, stderr, env } = process;
  for (const stream of [stdout, stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
      throw error;
    });
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    errTty: stderr.isTTY === true && env["TERM"] !== "dumb",
    columns: stdout.isTTY ? stdout.columns || 80 : Number.POSITIVE_INFINITY,
    // Asked each time: a window may be resized while progress is shown.
    get errColumns() {
      return stderr.columns || 80;
    },
    get errRows() {
      return stderr.rows || 24;
    },
    colour: stdout.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb",
    env,
    cwd: process.cwd(),
    now: () => Date.now(),
    signal,
  };
}
