import { decodeMessage, liveSubjects, subjects, ValidateRequest } from "@eru/events";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { furnish, type Running, start } from "../fixture.ts";

let api: Running<Awaited<ReturnType<typeof start>>["broker"]>;
beforeAll(async () => {
  api = await start();
  await furnish(api);
});
afterAll(() => api.close());

let host = "";
let number = 0;
beforeEach(() => {
  host = `h${++number}.org`;
});
const url = () => `/v1/routes/${host}`;
const short = (pathPrefix: string) => ({ app: "web", entrypoint: "http", pathPrefix });
const put = (body: object, query = "") => api.send("PUT", `${url()}${query}`, body);
const events = async () =>
  (await api.broker.log.read(subjects.route(host), 1))
    .flatMap(decodeMessage)
    .map(({ event }) => event as Record<string, unknown>);
const seqOf = (answer: { body: Record<string, unknown> }) => Number(answer.body["seq"]);

describe("what is declared", () => {
  test("short and full rules stand side by side, each at its place", async () => {
    const full = { id: "sorry", action: { respond: { status: 503 } } };
    expect((await put({ rules: [short("/"), full, short("/api")] })).body).toMatchObject({
      changed: true,
      host,
    });
    expect((await events())[0]).toMatchObject({ rules: [{ id: "/" }, { id: "sorry" }, { id: "/api" }] });
  });

  test("a host in unicode is declared in punycode, and the answer says so", async () => {
    const answer = await api.send("PUT", `/v1/routes/${encodeURIComponent("*.größe.de")}`, {
      rules: [short("/")],
    });
    expect(answer.body).toMatchObject({ host: "*.xn--gre-6ka8i.de" });
  });

  test.each([
    ["web.org:8080", /declare `web.org`, and tell ports apart .*port: 8080/],
    ["WEB.org.", /write `web.org`/],
    ["http://web.org", /not a URL/],
  ])("%s is refused with what to write", async (wrong, says) => {
    const { status, detail, faults } = await api.refusal("PUT", `/v1/routes/${encodeURIComponent(wrong)}`, {
      rules: [short("/")],
    });
    expect(status).toBe(400);
    expect(JSON.stringify([detail, faults])).toMatch(says);
  });

  test("contradictions are refused with the rules meant, and nothing is recorded", async () => {
    const when = [{ path: { prefix: "/a" } }];
    const one = (id: string) => ({ id, when, action: { respond: { status: 200 } } });
    expect(await api.refusal("PUT", url(), { rules: [one("a"), one("b")] })).toMatchObject({
      status: 422,
      code: "invalid_rules",
      detail: expect.stringMatching(/`b` can never match: `a`/),
      faults: [{ field: "rules.1.when", value: "b" }],
      grew: false,
    });
  });

  test("a dry run says what would be, and records nothing", async () => {
    const before = await api.broker.log.lastSeq();
    const answer = await put({ rules: [short("/"), short("/api")] }, "?dryRun=true");
    expect(answer).toMatchObject({ status: 200, body: { host, changed: true, rules: ["/api", "/"] } });
    expect(
      await api.refusal("PUT", `${url()}?dryRun=true`, { rules: [{ ...short("/"), app: "wep" }] }),
    ).toMatchObject({
      status: 404,
      faults: [{ field: "rules.0.app" }],
    });
    expect(await api.broker.log.lastSeq()).toBe(before);
  });

  test("a host of another is refused with its owner, until it is taken over", async () => {
    await put({ app: "web", rules: [short("/")] });
    expect(await api.refusal("PUT", url(), { rules: [short("/")] })).toMatchObject({
      status: 409,
      code: "host_owned",
      detail: expect.stringMatching(/belongs to app `web`.*takeOver=true/),
    });
    expect((await put({ rules: [short("/")] }, "?takeOver=true")).status).toBe(202);
  });
});

describe("undo", () => {
  test("puts back what was before, again and again", async () => {
    const first = seqOf(await put({ rules: [short("/")] }));
    const second = seqOf(await put({ rules: [short("/api")] }));
    const undo = () => api.send("POST", `${url()}/undo`, {});
    expect((await undo()).body).toMatchObject({ changed: true, host });
    await undo();
    expect(await events()).toMatchObject([
      { rules: [{ id: "/" }] },
      { rules: [{ id: "/api" }] },
      { rules: [{ id: "/" }], restores: first },
      { rules: [{ id: "/api" }], restores: second },
    ]);
  });

  test("goes to any sequence, over a removal too", async () => {
    const first = seqOf(await put({ rules: [short("/")] }));
    await put({ rules: [short("/api")] });
    await api.send("DELETE", url());
    await api.send("POST", `${url()}/undo`, { to: first });
    expect((await events()).at(-1)).toMatchObject({ rules: [{ id: "/" }], restores: first });
    expect((await api.send("POST", `${url()}/undo`, { to: first })).body).toMatchObject({ changed: false });
    expect(await api.refusal("POST", `${url()}/undo`, { to: first - 1 })).toMatchObject({
      status: 422,
      code: "nothing_to_undo",
      detail: expect.stringContaining(`begins at ${first}`),
    });
  });

  test("of the first declaration removes it; of nothing is refused", async () => {
    expect(await api.refusal("POST", `${url()}/undo`, {})).toMatchObject({
      status: 404,
      code: "route_unknown",
    });
    await put({ rules: [short("/")] });
    await api.send("POST", `${url()}/undo`, {});
    expect((await events()).at(-1)).toMatchObject({ type: "RouteRemoved" });
  });
});

describe("a load balancer that is alive", () => {
  const withEngine = async (
    answer: (lines: ValidateRequest["lines"]) => object,
    work: () => Promise<void>,
  ) => {
    const over = new AbortController();
    const engine = api.broker.live.respond({
      subject: liveSubjects.validate,
      group: "elbs",
      signal: over.signal,
      answer: (body) => JSON.stringify(answer(ValidateRequest.parse(JSON.parse(body)).lines)),
    });
    await work();
    over.abort();
    await engine;
  };

  test("tries the rules first, and the answer names it", async () => {
    const tried: string[] = [];
    await withEngine(
      (lines) => {
        tried.push(...lines.map(({ key }) => key));
        return { elb: "edge", ok: true };
      },
      async () => expect((await put({ rules: [short("/")] })).body).toMatchObject({ engine: "edge" }),
    );
    expect(tried).toEqual([`r:${host}`]);
    expect((await put({ rules: [short("/x")] })).body).not.toHaveProperty("engine");
  });

  test("refuses what its engine does not take", async () => {
    await withEngine(
      ([line]) => ({ elb: "edge", ok: false, key: line?.key, reason: "rule /: no" }),
      async () =>
        expect(await api.refusal("PUT", url(), { rules: [short("/")] })).toMatchObject({
          status: 422,
          code: "engine_refused",
          detail: expect.stringContaining("load balancer edge does not take"),
          grew: false,
        }),
    );
  });

  test("that cannot say anything now does not stand in the way", async () => {
    await withEngine(
      () => ({ elb: "edge", error: "no nginx" }),
      async () => expect((await put({ rules: [short("/")] })).status).toBe(202),
    );
  });
});

describe("several at once", () => {
  const all = (routes: Record<string, object>, query = "") => {
    const sent = Object.entries(routes).map(([name, route]) => ({ host: name, route }));
    return api.send("POST", `/v1/routes${query}`, { routes: sent });
  };
  const seqsOf = async (...hosts: string[]) =>
    Promise.all(hosts.map(async (name) => (await api.broker.log.last(subjects.route(name)))?.seq ?? 0));

  test("all are recorded in one batch, and those that are so already are left out", async () => {
    const [a, b, c] = [`a.${host}`, `b.${host}`, `c.${host}`];
    await api.send("PUT", `/v1/routes/${b}`, { rules: [short("/")] });
    const [, before = 0] = await seqsOf(a, b);
    const answer = await all({
      [b]: { rules: [short("/")] },
      [a]: { rules: [short("/")] },
      [c]: { rules: [short("/c")] },
    });
    expect(answer).toMatchObject({ status: 202, body: { changed: true } });
    const [atA = 0, atB, atC] = await seqsOf(a, b, c);
    expect({ atB, atC }).toEqual({ atB: before, atC: atA + 1 });
    const again = await all({ [a]: { rules: [short("/")] }, [c]: { rules: [short("/c")] } });
    expect(again).toMatchObject({ status: 200, body: { changed: false } });
  });

  test("what one is refused for refuses all, with its field", async () => {
    const [a, b] = [`a.${host}`, `b.${host}`];
    const wrong = {
      rules: [{ id: "x", action: { forward: { backends: [{ to: { app: "none", entrypoint: "web" } }] } } }],
    };
    const refused = await all({ [a]: { rules: [short("/")] }, [b]: wrong });
    expect(refused).toMatchObject({ status: 404, body: { code: "app_unknown" } });
    expect(JSON.stringify(refused.body["faults"])).toContain(
      "routes.1.route.rules.0.action.forward.backends.0.to.app",
    );
    expect(await seqsOf(a, b)).toEqual([0, 0]);
    const foul = await all({ [a]: { rules: [short("/")] }, [b]: { rules: [short("/"), short("/")] } });
    expect(foul.status).toBe(422);
    expect(await seqsOf(a, b)).toEqual([0, 0]);
  });

  test("a host is named once", async () => {
    const sent = [0, 1].map(() => ({ host, route: { rules: [short("/")] } }));
    expect((await api.send("POST", "/v1/routes", { routes: sent })).body).toMatchObject({ status: 400 });
  });
});
