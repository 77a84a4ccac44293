// Dry runs on an exported log say what the zone itself says: the real services over the log in memory, and a file of it.
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eru as run } from "../../clients/cli/src/testkit/eru.ts";
import { type MemoryZone, startMemoryZone, until } from "./memory-zone.ts";

let zone: MemoryZone;
let id: string;
const eru = (line: string) => run({ cwd: zone.directory }, line.split(" "), { now: () => Date.now() });
const deploy = "deploy hello --pod demo --cpu 0.5 --memory 64M --count 9";

/** Without the sequence of an answer: an exported log ends where it ends. */
const words = (out: string): string => out.replaceAll(/(log up to|sequence) \d+/g, "$1 n");

beforeAll(async () => {
  zone = await startMemoryZone(["n1", "n2"], ["hello:1", "hello:2"]);
  const spec = "appname: hello\nentrypoints:\n  web:\n    publish: [8080]\n    env: {COLOUR: blue}\n";
  writeFileSync(join(zone.directory, "app.yaml"), spec);
  for (const line of [
    "pod add demo --description tests",
    ...["n1", "n2"].map((node) => `node add ${node} --pod demo --label zone=${node}`),
    "app register hello",
    "release register hello --file app.yaml --image hello:1 --release v1",
    "release register hello --file app.yaml --image hello:2 --release v2",
    "quota set --pod demo --instances 12",
    "node cordon n2 --reason disk",
  ])
    expect(await eru(line), line).toMatchObject({ code: 0, err: "" });
  await until("a dry run finds room", async () => (await eru(`${deploy} --dry-run`)).out.includes("n1"));
  const { out } = await eru("deploy hello --pod demo --cpu 0.5 --memory 64M --count 2 --release v1 --wait");
  id = /hello-web-[a-z0-9]{6}/.exec(out)?.[0] ?? "";
  await eru("node uncordon n2");
  const exported = await eru("log export log.jsonl --json");
  expect(exported).toMatchObject({ code: 0 });
  await until("the scheduler has read as far", async () => {
    const { out: forecast } = await eru("node drain n1 --dry-run --json");
    return JSON.parse(forecast).atSeq >= JSON.parse(exported.out).upTo;
  });
}, 60_000);

afterAll(() => zone[Symbol.asyncDispose]());

test.each([
  () => `${deploy} --dry-run`,
  () => `${deploy}9 --dry-run`,
  () => "deploy hello --pod demo --cpu 9 --memory 64M --release v1 --dry-run",
  () => "deploy hello --pod dem --cpu 1 --memory 64M --dry-run",
  () => `upgrade ${id} --release v2 --surge 2 --dry-run`,
  () => `upgrade ${id} --release v7 --dry-run`,
  () => "node drain n1 --dry-run",
  () => "node drain n7 --dry-run",
  () => "rebalance demo --dry-run",
  () => `why not n2 ${id}`,
])("the file and the zone say the same, in the same words (%#)", async (line) => {
  const live = await eru(line());
  const offline = await eru(`${line()} --log log.jsonl`);
  expect({ code: offline.code, out: words(offline.out) }).toEqual({ code: live.code, out: words(live.out) });
  expect(offline.err).toMatch(/^eru: as of sequence \d+ of log\.jsonl; no server is asked\n/);
  const refusal = (err: string) => /^eru: (?!as of).*/m.exec(err)?.[0];
  expect(refusal(offline.err)).toBe(refusal(live.err));
});

test("an exported log is asked as of any of its sequences", async () => {
  const lines = readFileSync(join(zone.directory, "log.jsonl"), "utf8").trim().split("\n");
  const at = lines.findIndex((line) => line.includes('"NodeUncordoned"')) - 1;
  const before = await eru(`why not n2 ${id} --log log.jsonl --at ${at}`);
  expect(before.out).toContain("cordoned: disk");
  const { code, err } = await eru(`${deploy} --dry-run --log log.jsonl --at ${lines.length}`);
  expect({ code, err }).toMatchObject({
    code: 2,
    err: expect.stringContaining("the export ends at sequence"),
  });
});

test("the file is its owner's alone and holds no hash of a token", () => {
  const path = join(zone.directory, "log.jsonl");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, "utf8")).not.toContain("tokenHash");
});

test("a damaged, cut or unsorted file is refused with the line, and nothing can be recorded in one", async () => {
  const whole = readFileSync(join(zone.directory, "log.jsonl"), "utf8").trim().split("\n");
  const ask = async (lines: readonly string[]): Promise<string> => {
    writeFileSync(join(zone.directory, "bad.jsonl"), lines.join("\n"));
    const { code, err } = await eru(`${deploy} --dry-run --log bad.jsonl`);
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("eru log export <file>") });
    return err;
  };
  const [header = "", first = "", second = "", ...rest] = whole;
  expect(await ask(whole.slice(0, -2))).toContain("the file is cut: it ends with sequence");
  expect(await ask([...whole.slice(0, -1), whole.at(-1)?.slice(0, 40) ?? ""])).toContain(
    `line ${whole.length}: it is damaged or cut`,
  );
  expect(await ask([header, second, first, ...rest])).toContain(
    "line 2: sequence 2 where 1 comes: lines are missing or not in order",
  );
  expect(await ask([header, first, first, ...rest])).toContain(
    "line 3: sequence 1 where 2 comes: lines are twice",
  );
  expect(await ask([first, second])).toContain("line 1: this is no exported log");
  expect(await ask([header, first, second.replace('"type":"', '"type":"X'), ...rest])).toContain("line 3: ");
  expect(await ask([])).toContain("is empty: it is no exported log");
  for (const line of [
    `${deploy} --log log.jsonl`,
    `${deploy} --dry-run --at 3`,
    `node drain n1 --log log.jsonl`,
  ])
    expect(await eru(line), line).toMatchObject({ code: 2 });
  expect((await eru(`${deploy} --dry-run --log nothing.jsonl`)).err).toContain("cannot be read: ENOENT");
});
