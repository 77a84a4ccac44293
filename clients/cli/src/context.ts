import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { CliError, exitCodes } from "./errors.ts";
import type { Io } from "./io.ts";

const Url = z.url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" });

/** Where the servers are and who we are. Written by `eru up` and `make demo`, readable by its owner alone. */
const ContextFile = z.strictObject({
  commandUrl: Url,
  queryUrl: Url,
  token: z.string().min(1, "must not be empty"),
  elbUrl: Url.optional(),
});

/** A context with where it came from. */
export type Context = z.infer<typeof ContextFile> & { source: string };

const override = {
  token: "ERU_TOKEN",
  commandUrl: "ERU_COMMAND_URL",
  queryUrl: "ERU_QUERY_URL",
} as const;

/** The places a context is looked for, first found first taken. */
export function contextPlaces(io: Pick<Io, "env" | "cwd">): string[] {
  const { env, cwd } = io;
  return [
    join(cwd, ".eru/demo/context.json"),
    ...(env["ERU_HOME"] ? [join(resolve(cwd, env["ERU_HOME"]), "context.json")] : []),
    "/var/lib/eru/context.json",
    join(env["HOME"] || homedir(), ".local/share/eru/context.json"),
  ];
}

/**
 * The context to use: `--context`, ERU_CONTEXT, or the first place that has one; ERU_TOKEN, ERU_COMMAND_URL and
 * ERU_QUERY_URL win over its content and need no file when all three are set.
 */
export function findContext(io: Pick<Io, "env" | "cwd" | "err">, named: string | undefined): Context {
  const { env, cwd } = io;
  const fromEnvironment = Object.fromEntries(
    Object.entries(override).flatMap(([key, name]) => (env[name] ? [[key, env[name]]] : [])),
  );
  const explicit = named ?? (env["ERU_CONTEXT"] || undefined);
  const path = explicit === undefined ? contextPlaces(io).find(isFile) : resolve(cwd, explicit);
  if (path === undefined && Object.keys(fromEnvironment).length === Object.keys(override).length)
    return { ...parse(fromEnvironment, "the environment"), source: "the environment" };
  if (path === undefined)
    throw new CliError(exitCodes.usage, "no context found: nothing says where the servers are", {
      faults: contextPlaces(io).map((place) => ({ field: place, message: "is not there" })),
      next: "start Eru with `eru up`, or name a file with --context or ERU_CONTEXT",
    });
  const given = { ...readContext(path), ...fromEnvironment };
  if (readableByOthers(path)) io.err(`eru: others may read ${path}, which holds your token: chmod 600 it\n`);
  return { ...parse(given, path), source: path };
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

const readableByOthers = (path: string): boolean => (statSync(path).mode & 0o077) !== 0;

function readContext(path: string): object {
  const fault = (why: string, cause?: unknown) =>
    new CliError(exitCodes.usage, `cannot read the context ${path}: ${why}`, {
      next: "name another file with --context, or write it again with `eru up`",
      cause,
    });
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw fault(
      (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : String(error),
      error,
    );
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw fault("it is not JSON"); // The parser's own words quote the text, which holds the token.
  }
  if (typeof content !== "object" || content === null) throw fault("it holds no object");
  return content;
}

function parse(given: unknown, source: string): z.infer<typeof ContextFile> {
  const parsed = ContextFile.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new CliError(exitCodes.usage, `the context in ${source} is not usable`, {
    // Never the value: it could be the token.
    faults: parsed.error.issues.map((issue) => ({
      field: issue.path.join(".") || "(the whole file)",
      message: issue.message,
    })),
    next: "correct it, or name another file with --context",
  });
}

/** A token as it may be shown: enough to tell two apart. */
export const maskToken = (token: string): string => (token.length > 12 ? `${token.slice(0, 4)}…` : "…");
