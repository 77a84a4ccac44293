import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { commitOf, pointInto, readSpec } from "./release-source.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "eru-release-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const git = (...parameters: string[]) =>
  execFileSync("git", ["-C", directory, "-c", "user.name=a", "-c", "user.email=a@b", ...parameters], {
    encoding: "utf8",
  });

test("the commit is that of the file's repository, and a changed work tree is noticed", async () => {
  const file = join(directory, "app.yaml");
  writeFileSync(file, "appname: hello\n");
  git("init", "-q");
  git("add", ".");
  git("commit", "-q", "-m", "first");
  const sha = git("rev-parse", "HEAD").trim();
  expect(await commitOf(file)).toEqual({ sha, changed: false });
  writeFileSync(file, "appname: other\n");
  expect(await commitOf(file)).toEqual({ sha, changed: true });
});

test("without a repository, or without a commit, the error is short and names the way out", async () => {
  const file = join(directory, "app.yaml");
  const expected = { exitCode: 2, next: "name the release: --release v1" };
  await expect(commitOf(file)).rejects.toMatchObject(expected);
  git("init", "-q");
  await expect(commitOf(file)).rejects.toMatchObject({
    ...expected,
    message: `no --release given, and ${directory} is in no git repository with a commit`,
  });
});

test("a file that is missing, a directory or too large is a usage error that names it", () => {
  writeFileSync(join(directory, "large.yaml"), "x".repeat(200_000));
  expect(() => readSpec("gone.yaml", directory)).toThrow(
    "cannot read --file gone.yaml: there is no such file",
  );
  expect(() => readSpec(".", directory)).toThrow("it is a directory");
  expect(() => readSpec("large.yaml", directory)).toThrow("200000 bytes");
});

test("a fault at a line is shown with that line", () => {
  const spec = { path: "/srv/app.yaml", text: "appname: hello\nentrypoints:\n  web:\n    replica: 3\n" };
  const [fault, other] = pointInto(spec, [
    { field: "line 4, column 5 (entrypoints.web.replica)", message: 'unknown key "replica"' },
    { field: "image", value: "x", message: "not an image" },
  ]);
  expect(fault?.field).toBe("app.yaml, line 4, column 5 (entrypoints.web.replica)");
  expect(fault?.message).toBe('unknown key "replica"\n      | replica: 3');
  expect(other).toEqual({ field: "image", message: "not an image", value: "x" });
});
