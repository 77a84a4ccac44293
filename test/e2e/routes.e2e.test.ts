// docs/routes.md on real parts: its app.yaml is deployed, its examples are applied, and requests go where they say.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { get, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DemoResult, demo } from "../../infra/local/src/demo/demo.ts";
import { down } from "../../infra/local/src/down.ts";

const world = process.env["RIG"];
if (!process.env["ERU_RIG_WORLD"] || !world) throw new Error("run it in a world: npm run test:e2e");
const home = mkdtempSync(join(world, "home-"));
const folder = mkdtempSync(join(world, "routes-"));
const run = promisify(execFile);

const doc = readFileSync(join(import.meta.dirname, "../../docs/routes.md"), "utf8");
const [appYaml = "", ...examples] = [...doc.matchAll(/```yaml\n([\s\S]*?)```/g)].map(
  ([, text]) => text ?? "",
);

let zone: DemoResult;

/** The command line as a user has it; its standard output. */
async function eru(...line: string[]): Promise<string> {
  const bin = join(import.meta.dirname, "../../clients/cli/bin/eru");
  const { stdout } = await run(bin, line, {
    cwd: folder,
    env: { ...process.env, ERU_CONTEXT: zone.contextFile },
  });
  return stdout;
}
const words = (line: string) => eru(...line.split(" "));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return name;
};

type Said = {
  status: number | undefined;
  headers: IncomingMessage["headers"];
  version: string;
  id: string;
  path: string;
};

/** One request through the load balancer. */
async function ask(host: string, path = "/", headers: OutgoingHttpHeaders = {}): Promise<Said> {
  const [answer] = (await once(
    get(new URL(path, zone.elbUrl), { headers: { ...headers, host } }),
    "response",
  )) as [IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  const identity = text.startsWith("{") ? JSON.parse(text) : {};
  return { version: "", id: "", path: "", ...identity, status: answer.statusCode, headers: answer.headers };
}

/** Waits until a question is answered as wanted; the last answer is in the error when it never is. */
async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean): Promise<T> {
  const end = performance.now() + 30_000;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (performance.now() > end) throw new Error(`it never came so; last: ${JSON.stringify(answer)}`);
    await sleep(50);
  }
}
const routed = (host: string, status = 200) =>
  until(
    () => ask(host),
    (said) => said.status === status,
  );

const deployments: string[] = [];
async function deploy(entrypoint: string, release: string, version: string): Promise<void> {
  const line = `deploy shop --entrypoint ${entrypoint} --release ${release} --pod demo --count 1 --cpu 0.05 --memory 32M --env VERSION=${version} --wait`;
  deployments.push(/^shop-\S+(?=:)/m.exec(await words(line))?.[0] ?? "");
}

beforeAll(async () => {
  zone = await demo({ home, nodes: 1, say: () => undefined, tell: () => undefined });
  await words("app register shop");
  for (const release of ["v1", "v2"])
    await words(
      `release register shop --file ${file("app.yaml", appYaml)} --image hello:${zone.release} --release ${release}`,
    );
}, 240_000);

afterAll(() => down({ home, purge: true }), 120_000);

test("an elb section brings the traffic of what is deployed, and nothing else", async () => {
  expect((await ask("shop.localhost")).status).toBe(404);
  await deploy("web", "v1", "web1");
  expect(await routed("shop.localhost")).toMatchObject({ version: "web1" });
  await deploy("api", "v1", "api1");
  const api = await until(
    () => ask("shop.localhost", "/api/x"),
    ({ version }) => version === "api1",
  );
  expect(api.path).toBe("/api/x");
  expect(await eru("route", "show", "shop.localhost")).toContain("of app shop, by the elb section of v1");
});

test("every example of the documentation is taken by the engine", async () => {
  await deploy("web", "v2", "web2");
  expect(examples).toHaveLength(8);
  for (const [index, example] of examples.entries()) {
    const name = file(`example-${index}.yaml`, example);
    expect(await eru("route", "apply", "-f", name, "--dry-run")).toMatch(/tried by load balancer/);
    expect(await eru("route", "apply", "-f", name)).toContain("declared");
  }
  for (const host of ["canary", "beta", "sticky", "mirror", "rewrite"])
    await routed(`${host}.localhost`, host === "rewrite" ? 404 : 200);
});

test("a percentage of the users gets the canary, each always the same answer", async () => {
  const versions = new Map<string, string>();
  for (let user = 0; user < 200; user++) {
    const { version } = await ask("canary.localhost", "/", { cookie: `user=u${user}` });
    versions.set(`u${user}`, version);
  }
  const canary = [...versions].filter(([, version]) => version === "web2");
  expect(canary.length).toBeGreaterThan(5);
  expect(canary.length).toBeLessThan(45);
  for (const [user, version] of [...canary, ...[...versions].slice(0, 20)])
    expect((await ask("canary.localhost", "/", { cookie: `user=${user}` })).version).toBe(version);
});

test("a header asks for the new release", async () => {
  for (let round = 0; round < 10; round++) {
    expect((await ask("beta.localhost", "/", { "x-beta": "1" })).version).toBe("web2");
    expect((await ask("beta.localhost", "/", { "x-beta": "0" })).version).toBe("web1");
    expect((await ask("beta.localhost")).version).toBe("web1");
  }
});

test("a client stays where its cookie says", async () => {
  const first = await ask("sticky.localhost");
  const cookie = first.headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
  expect(cookie).toMatch(/^at=/);
  for (let round = 0; round < 20; round++)
    expect((await ask("sticky.localhost", "/", { cookie })).id).toBe(first.id);
});

test("redirects, answers and rewrites are as declared", async () => {
  expect(await ask("old.localhost", "/old/a/b?x=1")).toMatchObject({
    status: 301,
    headers: { location: "https://new.localhost/a/b?x=1" },
  });
  expect((await ask("old.localhost", "/else")).headers.location).toBe("https://new.localhost/else");
  expect(await ask("closed.localhost")).toMatchObject({ status: 503, headers: { "retry-after": "3600" } });
  expect(await ask("grpc.localhost")).toMatchObject({ status: 404 });
  const rewritten = await ask("rewrite.localhost", "/v1/api/things?x=1");
  expect(rewritten).toMatchObject({ path: "/public/things?x=1", headers: { "x-served-by": "shop" } });
});

test("an undo puts the traffic back", async () => {
  file("closed.yaml", "host: beta.localhost\nrules:\n  - id: closed\n    action: {respond: {status: 410}}\n");
  await eru("route", "apply", "-f", "closed.yaml");
  await routed("beta.localhost", 410);
  await eru("route", "undo", "beta.localhost");
  await routed("beta.localhost", 200);
  expect(await eru("route", "history", "beta.localhost")).toMatch(/put back to \d+/);
});

test("the routes of an app go with its last deployment", async () => {
  for (const id of deployments) await eru("remove", id);
  await routed("shop.localhost", 404);
  expect(await eru("route", "list")).not.toContain("shop.localhost");
});
