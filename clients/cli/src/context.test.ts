import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { contextPlaces, findContext, maskToken } from "./context.ts";
import type { CliError } from "./errors.ts";

let cwd = "";
let said = "";
const err = (text: string) => {
  said += text;
};
const file = {
  commandUrl: "http://127.0.0.1:7370",
  queryUrl: "http://127.0.0.1:7371",
  token: "secret-token",
};

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "eru-context-"));
  said = "";
});
afterEach(() => rmSync(cwd, { recursive: true }));

function write(path: string, content: unknown, mode = 0o600): string {
  const full = join(cwd, path);
  mkdirSync(join(full, ".."), { recursive: true });
  writeFileSync(full, typeof content === "string" ? content : JSON.stringify(content));
  chmodSync(full, mode);
  return full;
}

function failure(env: Record<string, string>, named?: string): CliError {
  try {
    findContext({ cwd, env: { HOME: cwd, ...env }, err }, named);
  } catch (error) {
    return error as CliError;
  }
  throw new Error("a context was found");
}

test("the places are tried from the nearest to the home directory", () => {
  expect(contextPlaces({ cwd: "/project", env: { ERU_HOME: "/srv/eru", HOME: "/home/ada" } })).toEqual([
    "/project/.eru/demo/context.json",
    "/srv/eru/context.json",
    "/var/lib/eru/context.json",
    "/home/ada/.local/share/eru/context.json",
  ]);
});

test("--context wins over ERU_CONTEXT, which wins over the places", () => {
  write(".eru/demo/context.json", { ...file, token: "place" });
  const env = { ERU_CONTEXT: write("env.json", { ...file, token: "environment" }) };
  const named = write("named.json", { ...file, token: "named" });
  expect(findContext({ cwd, env: {}, err }, undefined).token).toBe("place");
  expect(findContext({ cwd, env, err }, undefined).token).toBe("environment");
  expect(findContext({ cwd, env, err }, named)).toEqual({ ...file, token: "named", source: named });
});

test("the environment overrides single values, and needs no file when it has all", () => {
  write(".eru/demo/context.json", file);
  expect(findContext({ cwd, env: { ERU_TOKEN: "other" }, err }, undefined).token).toBe("other");
  rmSync(join(cwd, ".eru"), { recursive: true });
  const env = {
    HOME: cwd,
    ERU_TOKEN: "t",
    ERU_COMMAND_URL: "http://a:1",
    ERU_QUERY_URL: "http://a:2",
  };
  expect(findContext({ cwd, env, err }, undefined).source).toBe("the environment");
});

test("without a context the error lists where it was looked for and what to do", () => {
  const { message, exitCode, faults, next } = failure({});
  expect(message).toContain("no context found");
  expect(exitCode).toBe(2);
  expect(faults.map(({ field }) => field)).toContain(join(cwd, ".eru/demo/context.json"));
  expect(next).toContain("eru up");
});

test("a context named but missing, damaged or incomplete is an error that names the file", () => {
  expect(failure({}, "gone.json").message).toContain(`${join(cwd, "gone.json")}: there is no such file`);
  expect(failure({}, write("damaged.json", "{")).message).toContain("damaged.json");
  expect(failure({}, write("array.json", "7")).message).toContain("holds no object");
  const incomplete = failure({}, write("incomplete.json", { ...file, commandUrl: "ftp://x", extra: 1 }));
  expect(incomplete.faults.map(({ field, message }) => `${field}: ${message}`)).toEqual([
    "commandUrl: must be an http:// or https:// URL",
    '(the whole file): Unrecognized key: "extra"',
  ]);
});

test("an error about a context never shows the token", () => {
  const { message, faults, next } = failure({}, write("bad.json", { ...file, queryUrl: 7 }));
  expect(JSON.stringify({ message, faults, next })).not.toContain("secret-token");
  const cut = failure({}, write("cut.json", '{"token": secret-token}'));
  expect(cut.message).not.toContain("secret-token");
});

test("a context that others may read is used, with a warning", () => {
  findContext({ cwd, env: {}, err }, write("open.json", file, 0o644));
  expect(said).toContain("chmod 600");
  said = "";
  findContext({ cwd, env: {}, err }, write("closed.json", file));
  expect(said).toBe("");
});

test("a token is shown only as far as two can be told apart", () => {
  expect(maskToken("eru_0123456789abcdef")).toBe("eru_…");
  expect(maskToken("short")).toBe("…");
});
