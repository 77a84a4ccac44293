// Everything that must be green, in one go: `make test`. Runs every step even when one fails, and sums up at the end.
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
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
/** Where a step's output goes: a file descriptor, or ours. */
type Output = number | "inherit";
type Step = { name: string; run: (output: Output) => Promise<Counts> };
type Result = Counts & { step: string; seconds: number };

/** A check is one test: its exit status decides. */
const check = (name: string, command: string, ...parameters: string[]): Step => ({
  name,
  run: async (output) =>
    (await execute(command, parameters, output)) ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 },
});

/** A vitest project; in a world of its own when it starts Docker engines. */
const suite = (project: string, inWorld: boolean): Step => ({
  name: project,
  run: async (output) => {
    const report = join(reports, `${project}.json`);
    const vitest = ["node_modules/.bin/vitest", "run", "--project", project];
    const parameters = [...vitest, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const ok = inWorld
      ? await execute(world, ["world", process.execPath, ...parameters], output)
      : await execute(process.execPath, parameters, output);
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

function execute(command: string, parameters: readonly string[], output: Output): Promise<boolean> {
  const child = spawn(command, parameters, {
    cwd: root,
    stdio: ["inherit", output, output],
    timeout: stepLimitMs,
  });
  return new Promise((ended) => {
    child.once("error", (error) => {
      console.error(`${command} could not be started: ${error.message}`);
      ended(false);
    });
    child.once("exit", (status) => ended(status === 0));
  });
}

const bin = (name: string) => join(root, "node_modules/.bin", name);
/** One line after another; the steps of one line run at the same time: those two mostly wait for their servers. */
const lines: readonly (readonly Step[])[] = [
  [check("types", bin("tsc"), "--noEmit")],
  [check("lint", bin("biome"), "check", ".")],
  [check("dead code", bin("knip"))],
  [suite("unit", false)],
  [suite("nats", false), suite("nginx", false)],
  [suite("docker", true)],
  [suite("e2e", true)],
];
const steps = lines.flat();

const wanted = new Set(process.argv.slice(2));
const unknown = [...wanted].filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(
    `no such step: ${unknown.join(", ")}; there are: ${steps.map((step) => step.name).join(", ")}`,
  );
  process.exit(2);
}

const results: Result[] = [];
for (const line of lines) {
  const asked = line.filter((step) => wanted.size === 0 || wanted.has(step.name));
  if (asked.length > 1)
    console.log(
      `\n==> ${asked.map(({ name }) => name).join(" and ")}, at the same time: each speaks at its end`,
    );
  results.push(...(await Promise.all(asked.map((step) => runStep(step, asked.length > 1)))));
}
rmSync(reports, { recursive: true });
console.table(results.map(({ step, passed, failed, seconds }) => ({ step, passed, failed, seconds })));
for (const { step, named = [] } of results) for (const text of named) console.log(`${step}: ${text}`);
const sum = (key: "passed" | "failed") => results.reduce((total, result) => total + result[key], 0);
console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
process.exit(sum("failed") === 0 ? 0 : 1);

/** What runs beside another step speaks when it has ended, so that their words do not mix. */
async function runStep(step: Step, beside: boolean): Promise<Result> {
  const spoken = join(reports, `${step.name}.txt`);
  const output = beside ? openSync(spoken, "w") : "inherit";
  if (!beside) console.log(`\n==> ${step.name}`);
  const begun = performance.now();
  const counts = await step.run(output);
  const seconds = Math.round((performance.now() - begun) / 1000);
  if (output !== "inherit") {
    closeSync(output);
    console.log(`\n==> ${step.name}\n${readFileSync(spoken, "utf8")}`);
  }
  return { ...counts, step: step.name, seconds };
}
