// Everything that must be green, in one go: `make test`. Runs every step even when one fails, and sums up at the end.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { z } from "zod";

const root = join(import.meta.dirname, "..");
const world = join(root, "infra/rig/rig");
const reports = mkdtempSync(join(tmpdir(), "eru-test-"));

/** A step that hangs is a failure too. */
const stepLimitMs = 10 * 60_000;

/** `named`: each failed test with the beginning of its reason, for whoever sees only the end of the output. */
type Counts = { passed: number; failed: number; named?: readonly string[] };
type Step = { name: string; run: () => Counts };

/** A check is one test: its exit status decides. */
const check = (name: string, command: string, ...parameters: string[]): Step => ({
  name,
  run: () => (execute(command, parameters) ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }),
});

/** A vitest project; in a world of its own when it starts Docker engines. */
const suite = (project: string, inWorld: boolean): Step => ({
  name: project,
  run: () => {
    const report = join(reports, `${project}.json`);
    const vitest = ["node_modules/.bin/vitest", "run", "--project", project];
    const parameters = [...vitest, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const ok = inWorld
      ? execute(world, ["world", process.execPath, ...parameters])
      : execute("node", parameters);
    const counts = countReport(report);
    // A runner that dies without a failed test, or finds none to run, must not pass.
    return counts.failed === 0 && (!ok || counts.passed === 0) ? { ...counts, failed: 1 } : counts;
  },
});

const Report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.object({
          fullName: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
});
type Report = z.infer<typeof Report>;

function countReport(path: string): Counts {
  try {
    const report = Report.parse(JSON.parse(readFileSync(path, "utf8")));
    // A skipped test has proved nothing: it counts as failed.
    const failed = report.numFailedTests + report.numPendingTests;
    return { passed: report.numPassedTests, failed, named: failuresIn(report) };
  } catch {
    return { passed: 0, failed: 0 };
  }
}

const failuresIn = ({ testResults }: Report): string[] =>
  testResults.flatMap((file) => {
    const failed = file.assertionResults.filter((one) => one.status !== "passed");
    const said = failed.map((one) => `${one.fullName}: ${one.failureMessages?.[0] ?? one.status}`);
    const all = said.length === 0 && file.status !== "passed" ? [file.message] : said;
    return all.map(
      (text) =>
        `${relative(root, file.name)}: ${text.replace(/\n\s+at .*node_modules.*/g, "").slice(0, 1_000)}`,
    );
  });

function execute(command: string, parameters: readonly string[]): boolean {
  const executable = command === "node" ? process.execPath : command;
  return (
    spawnSync(executable, parameters, { cwd: root, stdio: "inherit", timeout: stepLimitMs }).status === 0
  );
}

const bin = (name: string) => join(root, "node_modules/.bin", name);
const steps: readonly Step[] = [
  check("types", bin("tsc"), "--noEmit"),
  check("lint", bin("biome"), "check", "."),
  check("dead code", bin("knip")),
  suite("unit", false),
  suite("nats", false),
  suite("nginx", false),
  suite("docker", true),
  suite("e2e", true),
];

const wanted = new Set(process.argv.slice(2));
const unknown = [...wanted].filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(
    `no such step: ${unknown.join(", ")}; there are: ${steps.map((step) => step.name).join(", ")}`,
  );
  process.exit(2);
}

const failures: string[] = [];
const results = steps
  .filter((step) => wanted.size === 0 || wanted.has(step.name))
  .map((step) => {
    console.log(`\n==> ${step.name}`);
    const begun = performance.now();
    const { named = [], ...counts } = step.run();
    failures.push(...named.map((text) => `${step.name}: ${text}`));
    return { step: step.name, ...counts, seconds: Math.round((performance.now() - begun) / 1000) };
  });
rmSync(reports, { recursive: true });
console.table(results);
for (const failure of failures) console.log(failure);
const sum = (key: "passed" | "failed") => results.reduce((total, result) => total + result[key], 0);
console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
process.exit(sum("failed") === 0 ? 0 : 1);
