// The command line against the real command-api, scheduler, projector and agents, over the log in memory.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eru as run } from "../../clients/cli/src/testkit/eru.ts";
import { type MemoryZone, startMemoryZone, until } from "./memory-zone.ts";

let zone: MemoryZone;
const deployHello = "deploy hello --pod demo --cpu 0.1 --memory 32M --count";

/** A command line as one would type it. */
const eru = (line: string, changes: Parameters<typeof run>[2] = {}) =>
  run({ cwd: zone.directory }, line.split(" "), { now: () => Date.now(), ...changes });

/** What a command that must end well wrote, as JSON. */
async function json<T>(line: string): Promise<T> {
  const { code, out, err } = await eru(`${line} --json`);
  expect({ line, code, err }).toEqual({ line, code: 0, err: "" });
  return JSON.parse(out) as T;
}

const idOf = (out: string): string => /hello-web-[a-z0-9]{6}/.exec(out)?.[0] ?? "";

beforeAll(async () => {
  zone = await startMemoryZone(["n1", "n2", "n3"], ["hello:1", "hello:2"]);
  const spec = "appname: hello\nentrypoints:\n  web:\n    publish: [8080]\n";
  writeFileSync(join(zone.directory, "app.yaml"), spec);
  for (const line of [
    "pod add demo --description tests",
    ...["n1", "n2", "n3"].map((node) => `node add ${node} --pod demo --label zone=${node}`),
    "app register hello",
    "release register hello --file app.yaml --image hello:1 --release v1",
    "release register hello --file app.yaml --image hello:2 --release v2",
    "release register hello --file app.yaml --image nowhere:1 --release broken",
  ])
    expect(await eru(line), line).toMatchObject({ code: 0, err: "" });
  const alive = async () =>
    (await json<{ liveness: string }[]>("node list")).every((node) => node.liveness === "alive");
  await until("all nodes are alive", alive);
}, 60_000);

afterAll(() => zone[Symbol.asyncDispose]());

describe("a deployment's life", () => {
  let id = "";

  test("deploy --wait ends when all are healthy, and lists show them at once", async () => {
    const { code, out, err } = await eru(`${deployHello} 3 --release v1 --wait`);
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining("3 wanted: 3 healthy") });
    id = idOf(out);
    expect(out).toMatch(/^hello-web-[a-z0-9]{6}: 3 of 3 healthy after /);
    const workloads = await json<{ node: string; state: string }[]>(`workload list --deployment ${id}`);
    expect(workloads.map(({ node, state }) => `${node} ${state}`)).toEqual([
      "n1 healthy",
      "n2 healthy",
      "n3 healthy",
    ]);
    expect((await eru("deployment list")).out).toMatch(new RegExp(`${id} +demo +v1 +running +3/3`));
  });

  test("a route shows the workloads it sends to", async () => {
    await json("route set hello.localhost --app hello");
    expect((await eru("route show hello.localhost")).out).toContain("hello/web: 3 healthy workloads");
    // There is no load balancer here, so the declared routes answer.
    const explained = (await eru("route explain http://hello.localhost/a")).out;
    expect(explained).toContain("from the declared routes (no load balancer answered");
    expect(explained).toContain("100 % to hello/web: 3 endpoints");
    expect((await eru("route list")).out).toMatch(/hello\.localhost +- +path \/ → hello\/web/);
  });

  test("routes of a file are checked, declared, shown, undone", async () => {
    const file = join(zone.directory, "routes.yaml");
    const rule = "  - app: hello\n    entrypoint: web\n";
    writeFileSync(
      file,
      `host: a.localhost\nrules:\n${rule}    pathPrefix: /a\n---\nhost: b.localhost\nrules:\n${rule}    port: 99\n`,
    );
    const refused = await eru(`route apply -f ${file}`);
    expect(refused.err).toContain("routes.yaml, line 11, column 11 (rules.0.port)");
    expect((await eru("route list")).out).not.toContain("a.localhost");
    writeFileSync(file, `host: a.localhost\nrules:\n${rule}    pathPrefix: /a\n`);
    expect((await eru(`route apply -f ${file} --dry-run`)).out).toBe(
      "a.localhost: would be declared, 1 rule tried in this order: /a; no load balancer was there to try them\n",
    );
    writeFileSync(
      file,
      `host: a.localhost\nrules:\n${rule}    pathPrefix: /a\n---\nhost: b.localhost\nrules:\n${rule}`,
    );
    expect((await eru(`route apply -f ${file}`)).out).toBe(
      "route a.localhost declared\nroute b.localhost declared\n",
    );
    expect((await eru(`route apply -f ${file}`)).out).toContain("it was so already");
    const seqOf = async (name: string) =>
      Number(((await json(`route show ${name}.localhost`)) as { declaredSeq: number }).declaredSeq);
    expect(await seqOf("b")).toBe((await seqOf("a")) + 1); // One batch.
    await eru("route rm b.localhost");
    await eru("route set a.localhost --app hello --path /b");
    expect((await eru("route undo a.localhost")).out).toContain("is as before its last change");
    expect((await eru("route show a.localhost")).out).toContain("path /a");
    expect((await eru("route history a.localhost")).out).toMatch(
      /put back to \d+[\s\S]*declared with 1 rule/,
    );
    await eru("route rm a.localhost");
  });

  test("why explains a workload: the choice, the runners-up, and the chain from the user to the facts", async () => {
    const { code, out } = await eru(`why ${id}-1`);
    expect(code).toBe(0);
    expect(out).toContain(`${id}-1 is healthy on n1`);
    expect(out).toMatch(/placed on n1 by the scheduler because deployed/);
    expect(out).toMatch(/n1 +1 +0 +20\nn2 +1 +0 +20\nn3 +1 +0 +20/);
    const chain = [
      "DeploymentRequested",
      "PlacementDecided",
      "WorkloadAssigned",
      "ContainerCreated",
      "ContainerHealthy",
    ];
    const places = chain.map((type) => out.indexOf(type));
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    expect(places[0]).toBeGreaterThan(0);
    expect(out).toMatch(/user:admin +DeploymentRequested/);
    const [, placed] = /\(sequence (\d+)\)/.exec(out) ?? [];
    const then = await eru(`why ${id}-1 --at ${placed}`);
    expect(then.out).toContain(`${id}-1 as of sequence ${placed}: `);
    expect(then.out).not.toContain("ContainerHealthy");
    expect(await eru(`why ${id} --at ${placed}`)).toMatchObject({ code: 2 });
  });

  test("upgrade --wait and scale --wait end when nothing old or too much is left", async () => {
    expect((await eru(`upgrade ${id} --release v2 --wait`)).code).toBe(0);
    const upgraded = await json<{ release: string; state: string }[]>(`workload list --deployment ${id}`);
    expect(upgraded.map(({ release, state }) => `${release} ${state}`)).toEqual(Array(3).fill("v2 healthy"));
    expect((await eru(`scale ${id} 1 --wait`)).code).toBe(0);
    expect(await json(`workload list --deployment ${id}`)).toHaveLength(1);
  });

  test("why not explains a node: every no with amounts, now and at any time in the log", async () => {
    const [begin] = await json<{ seq: number }[]>(`events --object deployment:${id} --from 1 --limit 1`);
    await eru("node cordon n1 --reason disk");
    const now = await eru(`why not n1 ${id}`);
    expect(now.out).toContain("cordoned  cordoned: disk");
    expect(now.out).toContain("would help: uncordon n1");
    const then = await eru(`why not n1 ${id} --at ${begin?.seq}`);
    expect(then.out).toContain(`${id} has 0 workloads on n1; it wants 3 and lacks 3`);
    expect(then.out).toContain("one more would go to n1, the first of 3 nodes");
    const before = await eru(`why not n1 ${id} --at ${(begin?.seq ?? 0) - 1}`);
    expect(before).toMatchObject({ code: 3, err: expect.stringContaining("there is no deployment") });
    await eru("node uncordon n1");
  });

  test("why explains a deployment: who asked and every decision", async () => {
    const { out } = await eru(`why ${id}`);
    for (const type of ["UpgradeRequested", "RolloutStepped", "ScaleRequested", "RemovalDecided"])
      expect(out).toContain(type);
  });

  test("remove --wait ends when nothing is left, and what was removed is refused from then on", async () => {
    expect(await eru(`remove ${id} --wait`)).toMatchObject({
      code: 0,
      out: expect.stringContaining("nothing of it is left"),
    });
    expect(await json(`workload list --deployment ${id}`)).toEqual([]);
    expect(await eru(`scale ${id} 2`)).toMatchObject({
      code: 3,
      err: expect.stringContaining("it was removed"),
    });
  });
});

test("a saved plan is applied while it holds, and refused with the difference when it does not", async () => {
  const line =
    "deploy hello --pod demo --count 2 --cpu 0.1 --memory 32M --include n2 --include n3 --release v1";
  const planned = await eru(`${line} --dry-run --save plan.json`);
  expect(planned).toMatchObject({ code: 0, err: expect.stringContaining("eru plan apply plan.json") });
  const shown = await eru("plan show plan.json");
  expect(shown.out).toContain("plan for 2 of hello/web, release v1, in pod demo");
  await eru("node cordon n3 --reason disk");
  const refused = await eru("plan apply plan.json");
  expect(refused.code).toBe(3);
  expect(refused.err).toMatch(/n3: \d planned, 0 now \(cordoned: disk\)/);
  await eru("node uncordon n3");
  const applied = await eru("plan apply plan.json --wait");
  expect(applied).toMatchObject({ code: 0, out: expect.stringContaining("2 of 2 healthy") });
  const id = idOf(applied.out);
  await eru(`upgrade ${id} --env A=1 --dry-run --save upgrade.json`);
  await eru(`scale ${id} 1 --wait`);
  const otherwise = await eru("plan apply upgrade.json");
  expect(otherwise.err).toContain("workloads to replace: 2 planned, 1 now");
  await eru("node drain n2 --dry-run --save drain.json");
  await eru("node drain n3 --dry-run --save other.json");
  expect((await eru("plan show drain.json")).out).toContain("plan for a drain of node n2");
  await eru(`scale ${id} 2 --wait`);
  const moved = [await eru("plan apply drain.json"), await eru("plan apply other.json")];
  expect(moved.map(({ code }) => code)).toContain(3);
  for (const node of ["n2", "n3"]) await eru(`node drain ${node} --cancel`);
  await eru(`remove ${id} --wait`);
});

describe("what does not come true", () => {
  test("a deployment without room waits visibly, and comes true when there is room", async () => {
    const { code, out, err } = await eru(
      "deploy hello --release v1 --pod demo --cpu 1.5 --memory 32M --count 4 --wait --timeout 1s",
    );
    const id = idOf(out);
    expect({ code, out }).toEqual({ code: 1, out: `${id}: 4 wanted: 3 healthy, 1 waiting for room\n` });
    expect(err).toContain(`eru why ${id}`);
    const why = await eru(`why ${id}`);
    expect(why.out).toContain("n1      cpu: 1.5 wanted, 0.5 of 2 free");
    expect(why.out).toContain("would help:");
    expect((await eru("node resources n1 --cpu 3 --memory 2G")).code).toBe(0);
    expect((await eru(`scale ${id} 4 --wait`)).code).toBe(0);
    expect((await eru(`remove ${id} --wait`)).code).toBe(0);
  });

  test("a deployment that must not wait is refused at once, with exit status 1", async () => {
    const line = "deploy hello --release v1 --pod demo --cpu 1.5 --memory 32M --count 9 --no-wait-for-room";
    const { code, out, err } = await eru(`${line} --wait`);
    expect(code).toBe(1);
    expect(err).toMatch(/were refused: .*cpu on 3/);
    await eru(`remove ${idOf(out)} --wait`);
    expect((await eru(`${line} --dry-run`)).code).toBe(1);
  });

  test("of those that wait the higher priority gets room first, and a deadline ends waiting", async () => {
    const line = "deploy hello --release v1 --pod demo --include n2 --cpu 1.5 --memory 32M --count 1";
    const first = idOf((await eru(`${line} --wait`)).out);
    const low = idOf((await eru(`${line} --priority 10`)).out);
    const high = idOf((await eru(`${line} --priority 90`)).out);
    await eru(`remove ${first} --wait`);
    const state = async (id: string) =>
      (await json<{ deployment: { state: string } }>(`deployment show ${id}`)).deployment.state;
    await until("the higher one has the room", async () => (await state(high)) === "running");
    expect(await state(low)).toBe("waiting");
    expect((await eru(`deployment priority ${low} 20 --wait-deadline 1s`)).out).toContain(
      "priority 20 asked for",
    );
    await until("the deadline passes", async () => (await state(low)) === "refused");
    expect((await eru(`why ${low}`)).out).toContain("no room within 1 s of waiting, which is all it may");
    for (const id of [low, high]) await eru(`remove ${id} --wait`);
  });

  test("a quota refuses what would exceed it, and says what is used", async () => {
    const id = idOf((await eru(`${deployHello} 2 --release v1 --wait`)).out);
    const set = await eru("quota set --app hello --pod demo --instances 1 --cpu 8");
    expect(set.out).toContain("over its limit: instances");
    const refused = await eru(`${deployHello} 1 --release v1`);
    expect([refused.code, refused.err]).toEqual([3, expect.stringContaining("allows 1 workloads")]);
    expect((await eru(`scale ${id} 1 --wait`)).code).toBe(0);
    expect((await eru("quota list")).out).toMatch(/app_hello_pod_demo +1 of 1 +0.1 of 8/);
    expect((await eru("quota remove app_hello_pod_demo")).code).toBe(0);
    await eru(`remove ${id} --wait`);
  });

  test("an image that does not exist shows the engine's words", async () => {
    const { code, out, err } = await eru(`${deployHello} 1 --release broken --wait --timeout 2s`);
    expect(code).toBe(1);
    expect(err).toContain("pull: manifest for nowhere:1 not found");
    await eru(`remove ${idOf(out)} --wait`);
  });

  test("Ctrl-C ends the waiting, not the deployment, and says so", async () => {
    const stop = new AbortController();
    const waiting = eru("deploy hello --release v1 --pod demo --cpu 1.5 --memory 32M --count 9 --wait", {
      signal: stop.signal,
      err: (text) => {
        said += text;
        if (text.includes("waiting for room")) stop.abort();
      },
    });
    let said = "";
    expect((await waiting).code).toBe(130);
    expect(said).toContain("the deployment goes on");
    const id = idOf(said);
    expect((await json<{ deployment: { state: string } }>(`deployment show ${id}`)).deployment.state).toBe(
      "waiting",
    );
    await eru(`remove ${id} --wait`);
  });
});

describe("while the projector restarts", () => {
  test("--wait goes on and ends well", async () => {
    for (const engine of zone.engines.values()) engine.before = () => held.promise;
    const held = Promise.withResolvers<void>();
    const seen: string[] = [];
    const waiting = eru(`${deployHello} 2 --release v1 --wait`, { err: (text) => seen.push(text) });
    await until("the first look", () => seen.some((text) => text.includes("starting")));
    await zone.restartProjector();
    held.resolve();
    const { code, out } = await waiting;
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining("2 of 2 healthy") });
    await eru(`remove ${idOf(out)} --wait`);
  });

  test("events --follow misses nothing and repeats nothing", async () => {
    const stop = new AbortController();
    const lines: { seq: number; index: number }[] = [];
    const said: string[] = [];
    const following = eru("events --follow --from 1 --json", {
      signal: stop.signal,
      out: (text) => lines.push(JSON.parse(text)),
      err: (text) => said.push(text),
    });
    await until("the first event", () => lines.length > 0);
    await zone.restartProjector();
    await json("pod add later");
    await json("pod remove later");
    const all = await json<{ seq: number; index: number }[]>("events --from 1");
    const last = all.at(-1)?.seq ?? 0;
    await until("the last event", () => (lines.at(-1)?.seq ?? 0) >= last);
    stop.abort();
    expect((await following).code).toBe(0);
    expect(said.join("")).toMatch(/connecting again, nothing will be missed\n.*connected again/s);
    const places = (events: typeof lines) =>
      events.filter(({ seq }) => seq <= last).map(({ seq, index }) => `${seq}/${index}`);
    expect(places(lines)).toEqual(places(all));
  });
});

describe("bad input is refused by name, and nothing of it happens", () => {
  const name = "n".repeat(300);
  test.each([
    ["node add n9 --pod dem", 3, "there is no pod `dem`; pods: demo"],
    ["scale hello-web-nobody 1", 3, "there is no deployment `hello-web-nobody`"],
    ["release list nobody", 3, "there is no app nobody"],
    ["node cordon n9", 3, "there is no node `n9`"],
    [`${deployHello} 1 --release nope`, 3, "no release `nope`"],
    [`${deployHello} 1 --entrypoint nope`, 3, "no entrypoint `nope`"],
    [`${deployHello} 1 --include n9`, 3, "there is no node `n9`"],
    ["pod add demo --description other", 3, "there is a pod `demo` already"],
    ["node add n1 --pod demo", 3, "eru node label"],
    ["pod add a.b", 3, 'name = "a.b"'],
    ["pod add Ünicode", 3, 'name = "Ünicode"'],
    [`pod add ${name}`, 3, "at most 40 characters"],
    [`${deployHello} -1`, 2, "argument '-1' is invalid"],
    ["deploy hello --pod demo --cpu -1 --memory 32M", 2, "--cpu"],
    ["deploy hello --pod demo --cpu 5000 --memory 32M", 3, "resources.cpu = 5000"],
    ["node resources n1 --cpu 1 --memory lots", 2, "argument 'lots' is invalid"],
    ["route set a.b --app hello --port 99", 3, "does not publish port 99, but 8080"],
    ["route set A_B --app hello", 3, "a host is lower-case"],
    ["app remove hello", 3, "routes still point at app `hello`"],
    ["route remove hello.localhost", 0, "route hello.localhost removed"],
    ["app remove hello", 0, "app hello removed"],
    ["app show hello", 3, "there is no app hello"],
    ["deploy hello --pod demo --cpu 1 --memory 32M", 3, "any more: it was removed"],
    ["events --type Nope", 3, 'type = "Nope"'],
    ["workload list --state nope", 3, 'state = "nope"'],
    ["why nobody-web-abcdef-1", 3, "neither a workload nor a deployment"],
  ])("eru %s", async (line, code, text) => {
    const ran = await eru(line);
    expect(ran.code).toBe(code);
    expect(ran.out + ran.err).toContain(text);
  });

  test("an unknown token", async () => {
    const url = zone.command;
    const env = {
      ERU_TOKEN: "wrong",
      ERU_COMMAND_URL: url.commandUrl,
      ERU_QUERY_URL: url.queryUrl,
      HOME: "/nonexistent",
    };
    for (const line of ["pod list", "pod add x", "events --follow"]) {
      const { code, err } = await eru(line, { env });
      expect({ line, code, err }).toEqual({ line, code: 3, err });
      expect(err).toContain("eru context show");
      expect(err).not.toContain(zone.token);
    }
  });
});

test("bin/eru works from any directory, through a symlink, and takes relative paths from there", async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), "eru-bin-"));
  const bin = join(elsewhere, "eru");
  symlinkSync(join(import.meta.dirname, "../../clients/cli/bin/eru"), bin);
  const env = { PATH: process.env["PATH"] ?? "", HOME: elsewhere };
  symlinkSync(join(zone.directory, "context.json"), join(elsewhere, "here.json"));
  const list = ["--context", "here.json", "pod", "list", "--json"];
  const { stdout } = await promisify(execFile)(bin, list, { cwd: elsewhere, env });
  expect(JSON.parse(stdout)).toMatchObject([{ pod: "demo", description: "tests" }]);
  const failing = promisify(execFile)(bin, ["pod", "list"], { cwd: elsewhere, env });
  await expect(failing).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("no context found"),
  });
  rmSync(elsewhere, { recursive: true });
}, 30_000);
