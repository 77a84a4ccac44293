import { expect, test } from "vitest";
import { z } from "zod";
import { createHttp } from "./http.ts";
import { createMetrics } from "./metrics.ts";
import { Problem } from "./problem.ts";
import { createLog } from "./process.ts";
import { hashToken, Tokens } from "./tokens.ts";

function frame(notReady: () => string | undefined = () => undefined) {
  const tokens = new Tokens();
  tokens.apply({ type: "TokenIssued", user: "ada", tokenHash: hashToken("right") });
  const app = createHttp({
    log: createLog("test", "error"),
    metrics: createMetrics("test"),
    notReady,
    tokens,
  });
  app.get("/who", async (request) => ({ user: request.user }));
  app.post("/parse", async (request) => z.strictObject({ cpu: z.number().min(0) }).parse(request.body));
  const Keys = z.strictObject({
    env: z.record(z.string().regex(/^[A-Z]+$/, "not a variable name"), z.string()),
    mib: z.int("a whole number"),
  });
  app.post("/keys", async (request) => Keys.parse(request.body));
  app.get("/refused", async () => {
    throw new Problem(409, "pod_exists", "the pod demo exists", {
      headers: { "retry-after": "5" },
      commandId: "c1",
    });
  });
  app.get("/bug", async () => {
    throw new Error("password in a stack trace");
  });
  return app;
}
const auth = { authorization: "Bearer right" };

test("health and metrics answer without a token", async () => {
  const app = frame();
  for (const url of ["/healthz", "/readyz", "/metrics"])
    expect((await app.inject({ url })).statusCode, url).toBe(200);
});

test("a service that cannot work says why and is not ready", async () => {
  const answer = await frame(() => "the log is not reachable").inject({ url: "/readyz" });
  expect(answer.statusCode).toBe(503);
  expect(answer.json()).toMatchObject({ reason: "the log is not reachable" });
});

test.each([
  [undefined, "token_missing"],
  ["Basic right", "token_missing"],
  ["Bearer", "token_missing"],
  ["Bearer right wrong", "token_missing"],
  ["Bearer wrong", "token_unknown"],
])("authorization %j is refused as %s", async (authorization, code) => {
  const answer = await frame().inject({ url: "/who", headers: authorization ? { authorization } : {} });
  expect(answer.statusCode).toBe(401);
  expect(answer.headers["www-authenticate"]).toContain("Bearer");
  expect(answer.headers["content-type"]).toContain("application/problem+json");
  expect(answer.json()).toMatchObject({ code, status: 401 });
});

test("a known token names its user", async () => {
  expect((await frame().inject({ url: "/who", headers: auth })).json()).toEqual({ user: "ada" });
});

test("a refusal keeps its status, code and headers", async () => {
  const answer = await frame().inject({ url: "/refused", headers: auth });
  expect(answer.statusCode).toBe(409);
  expect(answer.headers["retry-after"]).toBe("5");
  expect(answer.json()).toMatchObject({ code: "pod_exists", detail: "the pod demo exists", commandId: "c1" });
});

test("a field that is wrong or unknown is named with its value", async () => {
  const payload = { cpu: -1, cpus: 2 };
  const answer = await frame().inject({ method: "POST", url: "/parse", headers: auth, payload });
  expect(answer.statusCode).toBe(400);
  const { faults } = answer.json();
  expect(faults).toContainEqual(expect.objectContaining({ field: "cpu", value: -1 }));
  expect(faults).toContainEqual(expect.objectContaining({ field: "cpus" }));
});

test("the name of a key that is wrong is named with the rule it breaks, each rule once", async () => {
  const answer = await frame().inject({
    method: "POST",
    url: "/keys",
    headers: auth,
    payload: { env: { "A B": "1" }, mib: 1e300 },
  });
  expect(answer.json().faults).toEqual([
    { field: "env.A B", value: "1", message: "not a variable name" },
    { field: "mib", value: 1e300, message: "a whole number" },
  ]);
});

test("a body in another format is refused by its media type, plain text too", async () => {
  for (const type of ["text/plain", "text/yaml"]) {
    const answer = await frame().inject({
      method: "POST",
      url: "/parse",
      headers: { ...auth, "content-type": type },
      payload: "cpu: 1",
    });
    expect([answer.statusCode, answer.json().code], type).toEqual([415, "media_type"]);
  }
});

test("invalid JSON and a body beyond the limit are the caller's fault", async () => {
  const post = (payload: string) =>
    frame().inject({
      method: "POST",
      url: "/parse",
      headers: { ...auth, "content-type": "application/json" },
      payload,
    });
  expect((await post("{")).statusCode).toBe(400);
  expect((await post(JSON.stringify({ cpu: "x".repeat(2_000_000) }))).json()).toMatchObject({
    code: "body_too_large",
  });
});

test("what is not JSON is refused with the place", async () => {
  const post = async (payload: string) => {
    const headers = { ...auth, "content-type": "application/json" };
    return (await frame().inject({ method: "POST", url: "/parse", headers, payload })).json();
  };
  expect(await post('{"cpu": 1,}')).toMatchObject({ status: 400, code: "invalid_json" });
  expect((await post('{"cpu": 1,}')).detail).toMatch(/position 10 .line 1 column 11/);
  expect((await post('{"__proto__": 1}')).detail).toContain("__proto__");
});

test("a value nested too deep to be shown is still the caller's fault", async () => {
  const payload = `{"cpu": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
  const headers = { ...auth, "content-type": "application/json" };
  const answer = await frame().inject({ method: "POST", url: "/parse", headers, payload });
  expect(answer.statusCode).toBe(400);
  expect(answer.json().faults).toEqual([expect.objectContaining({ value: "(nested too deep to show)" })]);
});

test("the schema of a route names the faults of path, query and body alike", async () => {
  const app = frame();
  const schema = {
    params: z.strictObject({ pod: z.string().max(3) }),
    querystring: z.strictObject({ force: z.enum(["true"]).optional() }),
    body: z.strictObject({ cpu: z.number() }).optional(),
  };
  app.post("/pods/:pod", { schema }, async (request) => request.body ?? "no body");
  const post = (url: string, payload?: object) =>
    app.inject({ method: "POST", url, headers: auth, ...(payload && { payload }) });
  const long = "x".repeat(300);
  const faults = async (url: string, payload?: object) => (await post(url, payload)).json().faults;
  expect(await faults(`/pods/${long}`)).toEqual([
    expect.objectContaining({ field: "pod", value: expect.stringMatching(/^"x{100}/) }),
  ]);
  expect(await faults("/pods/a?force=yes")).toEqual([
    expect.objectContaining({ field: "force", value: "yes" }),
  ]);
  expect(await faults("/pods/a", { cpu: "1" })).toEqual([
    expect.objectContaining({ field: "cpu", value: "1" }),
  ]);
  expect((await post("/pods/a")).body).toBe("no body");
});

test("a service that has not read all tokens yet calls none wrong", async () => {
  const answer = await frame(() => "catching up").inject({
    url: "/who",
    headers: { authorization: "Bearer new" },
  });
  expect(answer.statusCode).toBe(503);
  expect(answer.headers["retry-after"]).toBe("1");
  expect(answer.json()).toMatchObject({ code: "not_ready" });
});

test("a bug tells the caller nothing but the correlation id", async () => {
  const headers = { ...auth, "x-correlation-id": "trace-7" };
  const app = frame();
  app.log.level = "silent";
  const answer = await app.inject({ url: "/bug", headers });
  expect(answer.statusCode).toBe(500);
  expect(answer.body).not.toContain("password");
  expect(answer.json()).toMatchObject({ correlationId: "trace-7" });
  expect(answer.headers["x-correlation-id"]).toBe("trace-7");
});

test("an unknown path is a problem, also without a token", async () => {
  const answer = await frame().inject({ url: "/nothing" });
  expect(answer.statusCode).toBe(404);
  expect(answer.json()).toMatchObject({ code: "no_such_path" });
});
