import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { identityOf, readIdentity, runs, signalProcess } from "./identity.ts";

const directory = mkdtempSync(join(tmpdir(), "eru-identity-"));
afterAll(() => rmSync(directory, { recursive: true }));
const launch = join(import.meta.dirname, "../launch");
// Real processes, on a machine that may be busy.
const until = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 10 });

test("a launched process has written who it is before it becomes the command", async () => {
  const file = join(directory, "sleeper");
  const child = spawn(launch, [file, "sleep", "60"]);
  await until(() => expect(readIdentity(file)).toBeDefined());
  const identity = readIdentity(file)!;
  expect(identity).toEqual(identityOf(child.pid!));
  expect(runs(identity)).toBe(true);

  expect(signalProcess(identity, "SIGKILL")).toBe(true);
  await new Promise((resolve) => child.once("exit", resolve));
  expect(runs(identity)).toBe(false);
  expect(signalProcess(identity, "SIGKILL")).toBe(false);
});

test("another process under the same number is a stranger and gets no signal", () => {
  const self = identityOf(process.pid)!;
  for (const stranger of [
    { ...self, startTicks: self.startTicks - 1 },
    { ...self, bootId: "another boot" },
  ]) {
    expect(runs(stranger)).toBe(false);
    expect(signalProcess(stranger, "SIGKILL")).toBe(false);
  }
});

test("a process that has ended and was not reaped does not run", async () => {
  const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 60"]);
  const pid = await new Promise<number>((resolve) =>
    parent.stdout.once("data", (text: Buffer) => resolve(Number(text.toString()))),
  );
  await until(() => expect(identityOf(pid)).toBeUndefined());
  expect(process.kill(pid, 0)).toBe(true); // The number is still taken.
  parent.kill("SIGKILL");
});

test("a file that is missing or half written names nobody", () => {
  expect(readIdentity(join(directory, "nothing"))).toBeUndefined();
});
