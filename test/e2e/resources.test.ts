// What workloads can ask for besides cores and memory: command line, command-api, scheduler, agents and projector together,
// over the log in memory.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eru as run } from "../../clients/cli/src/testkit/eru.ts";
import { type MemoryZone, startMemoryZone, until } from "./memory-zone.ts";

let zone: MemoryZone;
const eru = (line: string) => run({ cwd: zone.directory }, line.split(" "), { now: () => Date.now() });
const deployHello = "deploy hello --pod demo --memory 32M --count";

/** What a command that must end well wrote. */
async function out(line: string): Promise<string> {
  const answer = await eru(line);
  expect({ line, code: answer.code, err: answer.err }).toEqual({ line, code: 0, err: expect.any(String) });
  return answer.out;
}
const idOf = (text: string): string => /hello-web-[a-z0-9]{6}/.exec(text)?.[0] ?? "";

beforeAll(async () => {
  zone = await startMemoryZone(["n1", "n2"], ["hello:1"]);
  writeFileSync(
    join(zone.directory, "app.yaml"),
    "appname: hello\nentrypoints:\n  web:\n    publish: [8080]\n",
  );
  for (const line of [
    "pod add demo",
    "node add n1 --pod demo --volume /mnt/a:10G --volume /mnt/b:20G --disk /dev/sdb:/mnt:1000:0:0M:0M",
    "node add n2 --pod demo",
    "app register hello",
    "release register hello --file app.yaml --image hello:1 --release v1",
  ])
    await out(line);
  await until("both nodes are alive", async () =>
    (JSON.parse(await out("node list --json")) as { liveness: string }[]).every(
      ({ liveness }) => liveness === "alive",
    ),
  );
}, 60_000);

afterAll(() => zone[Symbol.asyncDispose]());

test("a bound workload has its core, which the others leave, until it is gone", async () => {
  const id = idOf(await out(`${deployHello} 1 --cpu 1 --bind --wait`));
  expect(await out(`workload show ${id}-1`)).toMatch(/books +1 cpu bound, 32M\nhas +core [01]\n/);
  const [placed] = JSON.parse(await out(`workload list --deployment ${id} --json`)) as { node: string }[];
  const node = placed?.node ?? "";
  expect(await out(`node show ${node}`)).toMatch(/core \d +1 +1 +0/);
  expect(await out(`events --object node:${node} --type SharedCoresAssigned`)).toContain(
    "that are not bound keep to core",
  );
  expect(await out(`remove ${id} --wait`)).toContain("nothing of it is left");
  expect(await out(`events --object node:${node} --type SharedCoresAssigned`)).toContain(
    "that are not bound may use every core",
  );
});

test("a volume is on the node that has one, and what does not fit says by how much", async () => {
  const id = idOf(await out(`${deployHello} 1 --cpu 0.1 --volume AUTO:/data:rw:8G:100:0:0:0 --wait`));
  expect(await out(`workload show ${id}-1`)).toMatch(/has +\/data on \/mnt\/a\n/);
  expect(await out("node show n1")).toMatch(/\/mnt\/a +8G +10G +2G/);
  expect(await out("node show n1")).toMatch(/\/dev\/sdb readIops +100 +1000 +900/);
  const dry = await eru(`${deployHello} 1 --cpu 0.1 --volume AUTO:/data:rwm:30G --dry-run`);
  expect(dry.out).toContain(
    "volume: 30 GiB for /data alone wanted, the largest of 1 unused volumes has 20 GiB",
  );
  expect(dry.out).toMatch(/n2 +volume: 30 GiB for \/data alone wanted, the node has no volumes/);
  await out(`remove ${id} --wait`);
});

test("a port of the node is taken once, and who has it is said", async () => {
  const id = idOf(await out(`${deployHello} 2 --cpu 0.1 --host-port 80:8080 --wait`));
  expect(await out(`workload show ${id}-1`)).toMatch(/has +port 80\n/);
  const dry = await out(`${deployHello} 1 --cpu 0.1 --host-port 80 --dry-run`);
  expect(dry).toContain(`port: 80 wanted, 80 taken by ${id}-1`);
  expect(dry).toContain("would help: free port 80 on n1");
  await out(`remove ${id} --wait`);
});

test("a node that is made smaller than what runs there keeps it, and says what is too much", async () => {
  const id = idOf(await out(`${deployHello} 1 --cpu 1.5 --include n2 --wait`));
  await out("node set n2 --cpu 1 --storage 1G");
  await until("the view has it", async () => (await out("node show n2")).includes("too much"));
  expect(await out("node show n2")).toContain(
    "cpu (1.5 booked of 1): what runs stays, nothing more is placed there",
  );
  expect((await eru(`${deployHello} 1 --cpu 0.1 --include n2 --dry-run`)).out).toContain(
    "cpu: 0.1 wanted, 0 of 1 free",
  );
  await out("node set n2 --unset cpu --unset storage");
  expect((await eru(`${deployHello} 1 --cpu 0.1 --include n2 --dry-run`)).out).toContain(
    "1 workload would be placed",
  );
  await out(`remove ${id} --wait`);
});

test("an urgent deployment displaces others, says so before, and they come back when it has gone", async () => {
  for (const node of ["n1", "n2"]) await out(`node set ${node} --cpu 1`);
  const low = idOf(await out(`${deployHello} 4 --cpu 0.5 --priority 20 --wait`));
  const urgent = `${deployHello} 1 --cpu 1 --priority 80 --preempt`;
  const dry = await out(`${urgent} --dry-run`);
  expect(dry).toContain(
    "2 workloads of a priority below 80 would go, so that 1 of those that wait get their room",
  );
  const named = [...dry.matchAll(new RegExp(`${low}-\\d`, "g"))].map(([workload]) => workload);
  const id = idOf(await out(`${urgent} --wait`));
  const said = await out(`events --object deployment:${id} --type PreemptionDecided`);
  expect(said).toContain(
    `${id} (priority 80) displaces ${named[0]} (priority 20), ${named[1]} (priority 20) from n`,
  );
  expect(await out(`deployment show ${id}`)).toContain("80, may displace those of a lower one");
  for (const one of [named[0] ?? "", `${id}-1`])
    expect(await out(`why ${one}`)).toContain("(priority 80) displaces");
  expect(await out(`why ${named[0]}`)).toContain(`(preempted by ${id})`);
  await until("what was displaced waits", async () =>
    (await out(`why ${low}`)).includes("2 wait, displaced by"),
  );
  await out(`remove ${id} --wait`);
  await until("what was displaced is back", async () => /4 wanted, 4 placed/.test(await out(`why ${low}`)));
  await out(`remove ${low} --wait`);
  for (const node of ["n1", "n2"]) await out(`node set ${node} --unset cpu`);
}, 60_000);

test.each([
  ["deploy hello --pod demo --cpu 0 --memory 32M --bind", /cpu/],
  ["deploy hello --pod demo --cpu 1.305 --memory 32M --bind", /hundredths/],
  ["deploy hello --pod demo --cpu 1 --memory 32M --volume AUTO:data", /absolute path/],
  ["deploy hello --pod demo --cpu 1 --memory 32M --gpu nvidia=NaN", /whole number/],
  ["deploy hello --pod demo --cpu NaN --memory 32M", /cores/],
  ["node set n1 --volume /mnt/a:1G --volume /mnt/a:2G", /named twice/],
  ["node set n1", /name what shall be different/],
  ["node set n1 --unset ram", /--unset/],
])("%s is refused with what is wrong", async (line, message) => {
  const { code, err } = await eru(line);
  expect(code).not.toBe(0);
  expect(err).toMatch(message);
});
