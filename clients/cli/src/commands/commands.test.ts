import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { contextFor, eru, testToken } from "../testkit/eru.ts";
import { FakeServer, problem } from "../testkit/fake-server.ts";
import { aDeployment, aWorkload } from "../testkit/views.ts";

let server: FakeServer;
let place: { cwd: string };
const recorded = { status: 202, json: { seq: 12, changed: true } };
const page = (...items: unknown[]) => ({ json: { items, next: null, seq: 12 } });

beforeEach(async () => {
  server = await FakeServer.start();
  place = contextFor(server.url);
  server.on("GET /v1/status", { json: { seq: 12 } });
});
afterEach(() => server[Symbol.asyncDispose]());

/** What the command API was asked by a command line. */
async function asks(line: string, route: string): Promise<{ body: unknown; query: Record<string, string> }> {
  server.on(route, recorded);
  const { code, err } = await eru(place, line.split(" "));
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const [seen] = server.asked(route);
  return { body: seen?.body, query: seen?.query ?? {} };
}

describe("commands", () => {
  test.each([
    ["pod add demo", "POST /v1/pods", { name: "demo" }],
    ["pod add demo --description x", "POST /v1/pods", { name: "demo", description: "x" }],
    ["pod remove demo", "DELETE /v1/pods/demo", undefined],
    ["node add n1 --pod demo", "POST /v1/nodes", { name: "n1", pod: "demo" }],
    [
      "node add n1 --pod demo --label zone=a --label disk=ssd --cpu 2 --memory 1G",
      "POST /v1/nodes",
      {
        name: "n1",
        pod: "demo",
        labels: { zone: "a", disk: "ssd" },
        resources: { cpu: 2, memoryMib: 1024 },
      },
    ],
    ["node label n1 zone=a disk=ssd", "PUT /v1/nodes/n1/labels", { zone: "a", disk: "ssd" }],
    ["node label n1", "PUT /v1/nodes/n1/labels", {}],
    [
      "node resources n1 --cpu 500m --memory 512M",
      "PATCH /v1/nodes/n1/resources",
      { cpu: 0.5, memoryMib: 512 },
    ],
    ["node cordon n1", "POST /v1/nodes/n1/cordon", {}],
    ["node cordon n1 --reason disk", "POST /v1/nodes/n1/cordon", { reason: "disk" }],
    ["node uncordon n1", "POST /v1/nodes/n1/uncordon", undefined],
    ["node drain n1", "POST /v1/nodes/n1/drain", {}],
    ["node drain n1 --reason fan", "POST /v1/nodes/n1/drain", { reason: "fan" }],
    ["node drain n1 --cancel", "DELETE /v1/nodes/n1/drain", undefined],
    ["node remove n1", "DELETE /v1/nodes/n1", undefined],
    [
      "cert acme www.example.org example.org",
      "PUT /v1/certificates/www-example-org/order",
      { hosts: ["www.example.org", "example.org"] },
    ],
    ["cert acme *.a.org", "PUT /v1/certificates/any-a-org/order", { hosts: ["*.a.org"] }],
    ["cert acme a.org --name shop", "PUT /v1/certificates/shop/order", { hosts: ["a.org"] }],
    ["cert remove www", "DELETE /v1/certificates/www", undefined],
    ["app register hello", "POST /v1/apps", { name: "hello" }],
    ["app remove hello", "DELETE /v1/apps/hello", undefined],
    ["scale d-1 5", "POST /v1/deployments/d-1/scale", { count: 5 }],
    ["deployment scale d-1 0", "POST /v1/deployments/d-1/scale", { count: 0 }],
    ["upgrade d-1 --release v2", "POST /v1/deployments/d-1/upgrade", { release: "v2" }],
    [
      "deployment upgrade d-1 --release v2 --surge 3 --env A=1 --env B=x=y",
      "POST /v1/deployments/d-1/upgrade",
      { release: "v2", surge: 3, env: { A: "1", B: "x=y" } },
    ],
    [
      "upgrade d-1 --force --batch 2 --stop-first --canary 10% --health-deadline 90s --on-failure halt --replace",
      "POST /v1/deployments/d-1/upgrade",
      {
        ...{ force: true, batch: 2, order: "stop-first", canary: { percent: 10 } },
        ...{ healthDeadlineMs: 90_000, onFailure: "halt", replace: true },
      },
    ],
    ["rollout pause d-1", "POST /v1/deployments/d-1/rollout/pause", undefined],
    ["remove d-1", "DELETE /v1/deployments/d-1", undefined],
    [
      "route set hello.localhost --app hello",
      "PUT /v1/routes/hello.localhost",
      { rules: [{ app: "hello", entrypoint: "web" }] },
    ],
    [
      "route set *.example.org --app hello --entrypoint api --path /api --port 8080 --pod east",
      "PUT /v1/routes/*.example.org",
      { rules: [{ pathPrefix: "/api", app: "hello", entrypoint: "api", port: 8080, pod: "east" }] },
    ],
    [
      "route set a.b --rule /=hello/web --rule /api=hello/api:8080@east",
      "PUT /v1/routes/a.b",
      {
        rules: [
          { pathPrefix: "/", app: "hello", entrypoint: "web" },
          { pathPrefix: "/api", app: "hello", entrypoint: "api", port: 8080, pod: "east" },
        ],
      },
    ],
    ["route remove a.b", "DELETE /v1/routes/a.b", undefined],
  ])("`eru %s` asks %s", async (line, route, body) => {
    expect((await asks(line, route)).body).toEqual(body);
  });

  test("`eru node remove --force` says so in the query", async () => {
    expect((await asks("node remove n1 --force", "DELETE /v1/nodes/n1")).query).toEqual({ force: "true" });
  });

  test("`eru deploy` sends all that was said and nothing else", async () => {
    server.on("POST /v1/deployments", {
      status: 202,
      json: { seq: 12, changed: true, deployment: "hello-web-abc123" },
    });
    const { out } = await eru(place, "deploy hello --pod demo --cpu 0.1 --memory 32M --count 3".split(" "));
    expect(out).toBe("hello-web-abc123: 3 workloads of hello/web wanted in pod demo\n");
    await eru(
      place,
      "deploy hello --entrypoint api --release v1 --pod demo --count 3 --cpu 0.1 --memory 32M --include n1,n2 --exclude n3 --label zone=a --nodes-limit 2 --env A=1 --no-wait-for-room".split(
        " ",
      ),
    );
    const common = { app: "hello", pod: "demo", count: 3, resources: { cpu: 0.1, memoryMib: 32 } };
    expect(server.asked("POST /v1/deployments").map(({ body }) => body)).toEqual([
      { ...common, entrypoint: "web", filter: {}, onShortage: "wait" },
      {
        ...common,
        entrypoint: "api",
        release: "v1",
        env: { A: "1" },
        nodesLimit: 2,
        filter: { includes: ["n1", "n2"], excludes: ["n3"], labels: { zone: "a" } },
        onShortage: "refuse",
      },
    ]);
  });

  test("a name with a slash or a question mark stays one part of the path", async () => {
    server.on("DELETE /v1/pods/a%2F..%3Fb", recorded);
    expect((await eru(place, ["pod", "remove", "a/..?b"])).code).toBe(0);
  });

  test("a command is answered when queries show it", async () => {
    await asks("pod add demo", "POST /v1/pods");
    expect(server.asked("GET /v1/status")[0]?.query).toEqual({ after: "12" });
  });

  test("a command stands when the view cannot be reached; that is said", async () => {
    server.on("POST /v1/pods", recorded).on("GET /v1/status", problem(504, "view_late", "the view is late"));
    const { code, out, err } = await eru(place, ["pod", "add", "demo"]);
    expect({ code, out }).toEqual({ code: 0, out: "pod demo added\n" });
    expect(err).toContain("recorded at sequence 12");
  });

  test("what was so already is said", async () => {
    server.on("POST /v1/pods", { json: { seq: 3, changed: false } });
    expect((await eru(place, ["pod", "add", "demo"])).out).toBe("pod demo added: it was so already\n");
  });

  test("--command-id is the idempotency key", async () => {
    await asks("--command-id once pod add demo", "POST /v1/pods");
    expect(server.asked("POST /v1/pods")[0]?.headers["idempotency-key"]).toBe("once");
  });
});

describe("release register", () => {
  const spec = "appname: hello\nentrypoints:\n  web:\n    replica: 3\n";
  const route = "POST /v1/apps/hello/releases";
  const git = (...parameters: string[]) =>
    execFileSync("git", ["-C", place.cwd, "-c", "user.name=a", "-c", "user.email=a@b", ...parameters], {
      encoding: "utf8",
    }).trim();

  test("names the release by the commit of the file, and says when the files differ from it", async () => {
    server.on(route, recorded);
    writeFileSync(join(place.cwd, "app.yaml"), spec);
    git("init", "-q");
    git("add", "app.yaml");
    git("commit", "-qm", "first");
    const sha = git("rev-parse", "HEAD");
    const line = ["release", "register", "hello", "--file", "app.yaml", "--image", "hello:1"];
    const { code, err } = await eru(place, line);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(server.asked(route)[0]?.body).toEqual({
      release: sha,
      gitSha: sha,
      image: "hello:1",
      specText: spec,
    });
    writeFileSync(join(place.cwd, "app.yaml"), `${spec}#`);
    expect((await eru(place, line)).err).toContain(`differ from commit ${sha.slice(0, 12)}`);
  });

  test("faults of the app.yaml come with their line", async () => {
    writeFileSync(join(place.cwd, "app.yaml"), spec);
    const faults = [
      { field: "line 4, column 5 (entrypoints.web.replica)", message: 'unknown key "replica"' },
    ];
    server.on(route, problem(400, "invalid_app_yaml", "the app.yaml has 1 fault", { faults }));
    const line = "release register hello --file app.yaml --image hello:1 --release v1".split(" ");
    expect(await eru(place, line)).toEqual({
      code: 3,
      out: "",
      err: `eru: app.yaml is not a valid app.yaml
  app.yaml, line 4, column 5 (entrypoints.web.replica): unknown key "replica"
      | replica: 3
`,
    });
  });
});

describe("a dry run", () => {
  const reasons = {
    policy: "auto/1",
    inputSeq: 12,
    wanted: 3,
    resources: { cpu: 1, memoryMib: 32 },
    nodesTotal: 2,
    candidatesTotal: 1,
    scores: [{ node: "n1", count: 0, capacity: 2, placed: 2 }],
    rejectedTotals: { cpu: 1 },
    rejected: [{ node: "n2", filter: "cpu", detail: "cpu: 1 wanted, 0.4 of 2 free" }],
    wouldHelp: ["one more node with 1 cpu"],
  };
  const line = "deploy hello --pod demo --cpu 1 --memory 32M --count 3 --dry-run".split(" ");
  const plan = { atSeq: 12, placed: [{ node: "n1", count: 2 }], waiting: 1, reasons };

  test("shows what would be placed and why the rest would not", async () => {
    server.on("POST /v1/deployments", { json: plan });
    const { code, out } = await eru(place, line);
    expect(code).toBe(0);
    expect(server.asked("POST /v1/deployments")[0]?.query).toEqual({ dryRun: "true" });
    expect(out).toContain("dry run, nothing recorded: 2 workloads would be placed, 1 would wait for room");
    expect(out).toContain("n2      cpu: 1 wanted, 0.4 of 2 free");
    expect(out).toContain("would help: one more node with 1 cpu");
  });

  test("ends with 1 when the deployment would be refused", async () => {
    server.on("POST /v1/deployments", { json: plan });
    const { code, out } = await eru(place, [...line, "--no-wait-for-room"]);
    expect(code).toBe(1);
    expect(out).toContain("1 would be refused");
  });
});

describe("lists", () => {
  test("are tables for people and one JSON document for scripts", async () => {
    const item = aWorkload({ lastError: "pull: no such image", state: "failed" });
    server.on("GET /v1/workloads", page(item));
    const { out } = await eru(place, ["workload", "list", "--node", "n1"]);
    expect(out).toBe(`\
WORKLOAD            RELEASE  NODE  STATE   AGE  STARTS  LAST ERROR
hello-web-abc123-1  v1       n1    failed  10m       1  pull: no such image
`);
    expect(server.asked("GET /v1/workloads")[0]?.query).toEqual({ node: "n1", limit: "1000" });
    const json = await eru(place, ["--json", "workload", "list", "--all"]);
    expect(JSON.parse(json.out)).toEqual([item]);
    expect(server.asked("GET /v1/workloads")[1]?.query).toEqual({ state: "all", limit: "1000" });
  });

  test("that are empty say how to change that, and are [] for scripts", async () => {
    server.on("GET /v1/pods", page());
    expect((await eru(place, ["pod", "list"])).out).toContain("eru pod add");
    expect(JSON.parse((await eru(place, ["pod", "list", "--json"])).out)).toEqual([]);
  });

  test("of deployments show how many are healthy, and why not", async () => {
    const short = aDeployment({ state: "waiting", reason: "2 wait", counts: { wanted: 3, healthy: 1 } });
    server.on("GET /v1/deployments", page(short));
    const { out } = await eru(place, ["deployment", "ls", "--pod", "demo"]);
    expect(out).toContain("hello-web-abc123  demo  v1       waiting      1/3  10m  2 wait");
  });
});

describe("failures", () => {
  test("of the command line end with 2 and name option and value", async () => {
    const { code, err } = await eru(place, "deploy hello --pod demo --cpu 0.1 --memory 32".split(" "));
    expect(code).toBe(2);
    expect(err).toBe(
      "eru: option '--memory <amount>' argument '32' is invalid. Write an amount with its unit: 32M, 512MiB, 1.5G.\n",
    );
    expect(await eru(place, ["pod", "ad", "demo"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("add"),
    });
    expect((await eru(place, ["deploy", "hello"])).err).toContain("'--pod <pod>' not specified");
    expect((await eru(place, "route set a.b --rule /=x".split(" "))).err).toContain("/path=app/entrypoint");
    expect((await eru(place, "route set a.b".split(" "))).err).toContain("--app");
  });

  test("by refusal end with 3: what, the fault, the next step", async () => {
    const detail = "there is no pod `dem`; pods: demo";
    const faults = [{ field: "pod", value: "dem", message: detail }];
    server.on("POST /v1/nodes", problem(404, "pod_unknown", detail, { faults }));
    const line = ["node", "add", "n1", "--pod", "dem"];
    expect(await eru(place, line)).toEqual({
      code: 3,
      out: "",
      err: `eru: ${detail}\n  → run \`eru pod list\`, or add it with \`eru pod add\`\n`,
    });
    const { out, err } = await eru(place, [...line, "--json"]);
    expect(out).toBe("");
    expect(JSON.parse(err).error).toMatchObject({
      exitCode: 3,
      code: "pod_unknown",
      message: detail,
      faults,
    });
  });

  test("by an invalid field show field, value and message", async () => {
    const faults = [{ field: "name", value: "A B", message: "a pod name consists of lower-case letters" }];
    server.on("POST /v1/pods", problem(400, "invalid_request", "the request is not valid", { faults }));
    const { err } = await eru(place, ["pod", "add", "A B"]);
    expect(err).toBe(
      'eru: the request is not valid\n  name = "A B": a pod name consists of lower-case letters\n',
    );
  });

  test("without a context end with 2 and say what to do", async () => {
    const { code, err } = await eru({ cwd: "/nonexistent" }, ["pod", "list"], {
      env: { HOME: "/nonexistent" },
    });
    expect(code).toBe(2);
    expect(err).toContain("eru up");
  });

  test("--help and --version end with 0", async () => {
    expect(await eru(place, ["--version"])).toEqual({ code: 0, out: "0.1.0\n", err: "" });
    expect((await eru(place, ["deploy", "--help"])).code).toBe(0);
  });
});

test("the token is never shown, except when asked for", async () => {
  const hidden = await eru(place, ["context", "show"]);
  expect(hidden.out + hidden.err).not.toContain(testToken);
  expect(hidden.out).toContain(server.url);
  const json = await eru(place, ["context", "show", "--json"]);
  expect(json.out).not.toContain(testToken);
  expect((await eru(place, ["context", "show", "--reveal"])).out).toContain(testToken);
});

describe("this machine", () => {
  test("status of a zone elsewhere is well without an installation here", async () => {
    const counts = {
      pods: 1,
      nodes: 3,
      apps: 1,
      routes: 0,
      events: 9,
      deployments: 1,
      workloads: { assigned: 1, healthy: 2, removed: 7 },
    };
    server.on("GET /v1/status", { json: { seq: 12, head: 14, lag: 2, notReadyBecause: null, counts } });
    const { code, out } = await eru(place, ["status", "--home", "nothing-here"]);
    expect(code).toBe(0);
    expect(out).toContain(`there is no installation in ${join(place.cwd, "nothing-here")}`);
    expect(out).toContain("zone       1 pod, 3 nodes, 1 app, 1 deployment, 0 routes");
    expect(out).toContain("workloads  1 placed, 2 healthy\n");
    expect(out).toContain("sequence 12, 2 behind the log");
  });

  test("status ends with 1 when neither runs, and says how to start it", async () => {
    const { code, out } = await eru({ cwd: "/nonexistent" }, ["status"], {
      env: { HOME: "/nonexistent", ERU_HOME: "/nonexistent" },
    });
    expect(code).toBe(1);
    expect(out).toContain("start one with `eru up`");
    expect(out).toContain("the zone does not answer: no context found");
  });

  test("down of nothing changes nothing and says so", async () => {
    const { code, out } = await eru(place, ["down", "--home", "nothing-here"]);
    expect(code).toBe(0);
    expect(out).toContain("there is no installation");
  });
});

test("completion knows every command and its options", async () => {
  const { out } = await eru(place, ["completion", "bash"]);
  const complete = (...words: string[]) =>
    execFileSync(
      "bash",
      ["-c", `${out}\nCOMP_WORDS=(eru "$@"); COMP_CWORD=$#; _eru; echo "\${COMPREPLY[*]}"`, "bash", ...words],
      {
        encoding: "utf8",
      },
    ).trim();
  expect(complete("dep")).toBe("deploy deployment");
  expect(complete("node", "c")).toBe("cordon");
  expect(complete("--json", "deploy", "hello", "--cp")).toBe("--cpu --cpu-limit");
  expect(complete("deployment", "scale", "d-1", "--j")).toBe("--json");
});
