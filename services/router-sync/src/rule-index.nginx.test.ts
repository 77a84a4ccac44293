// The index by which nginx finds a rule must answer what a scan of the list would.
import type { Match } from "@eru/events";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { Client } from "./testing-client.ts";
import { elbWith, explain, named, ruleTable } from "./testing-rules.ts";
import { atEnd, endAll } from "./testing-service.ts";

afterEach(endAll);

// Few segments, so that rules and paths meet.
const path = fc
  .array(fc.constantFrom("a", "b", "ab"), { maxLength: 3 })
  .chain((parts) =>
    fc.boolean().map((slash) => `/${parts.join("/")}${slash && parts.length > 0 ? "/" : ""}`),
  );

const match: fc.Arbitrary<Match> = fc
  .record({
    path: fc.oneof(
      { weight: 3, arbitrary: path.map((prefix) => ({ path: { prefix } })) },
      { weight: 2, arbitrary: path.map((prefix) => ({ path: { prefix, raw: true } })) },
      { weight: 2, arbitrary: path.map((exact) => ({ path: { exact } })) },
      { weight: 1, arbitrary: fc.constantFrom("^/a", "b/$", "/ab?/").map((regex) => ({ path: { regex } })) },
      { weight: 1, arbitrary: fc.constant({}) },
    ),
    methods: fc.constantFrom<string[]>([], ["GET"], ["PUT"]),
    flag: fc.constantFrom(undefined, true, false),
  })
  .map(({ path: on, methods, flag }) => ({
    ...on,
    ...(methods.length > 0 && { methods }),
    ...(flag !== undefined && { query: { f: { present: flag } } }),
  }))
  .filter((one) => Object.keys(one).length > 0);

type Asked = { path: string; method: string; flag: boolean };

/** The definition, without any index. */
function holds(one: Match, asked: Asked): boolean {
  const { path: on, methods, query } = one;
  if (methods && !methods.includes(asked.method)) return false;
  const flag = query?.["f"];
  if (flag && "present" in flag && flag.present !== asked.flag) return false;
  if (!on) return true;
  if ("exact" in on) return asked.path === on.exact;
  if ("regex" in on) return new RegExp(on.regex).test(asked.path);
  if (on.raw) return asked.path.startsWith(on.prefix);
  const below = on.prefix.endsWith("/") ? on.prefix : `${on.prefix}/`;
  return asked.path === on.prefix || asked.path.startsWith(below);
}

test("the rule that answers is the first in the list that holds, for any rules and requests", async () => {
  const cases = fc.sample(
    fc.record({
      rules: fc.array(fc.array(match, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 12 }),
      asked: fc.array(fc.record({ path, method: fc.constantFrom("GET", "PUT"), flag: fc.boolean() }), {
        minLength: 5,
        maxLength: 5,
      }),
    }),
    { numRuns: 200, seed: 11 },
  );
  const hosts = cases.map(({ rules }, index) => [
    `h${index}.org`,
    rules.map((when, at) => named(`r${at}`, ...when)),
  ]);
  const elb = await elbWith(ruleTable({}, Object.fromEntries(hosts)));
  const client = new Client(elb.port);
  atEnd(() => client.close());
  let met = 0;
  for (const [index, { rules, asked }] of cases.entries())
    for (const one of asked) {
      const at = rules.findIndex((when) => when.some((match) => holds(match, one)));
      const expected = at < 0 ? undefined : `r${at}`;
      const host = `h${index}.org`;
      const answer = await client.ask({ host, method: one.method, path: one.path + (one.flag ? "?f" : "") });
      const said = JSON.stringify([one, rules]);
      expect(answer.status === 200 ? answer.text : undefined, said).toBe(expected);
      const question = { host, method: one.method, path: one.path, query: one.flag ? "f" : "" };
      const { outcomes, skipped } = (await explain(elb, question)) as Record<string, { rule: string }[]>;
      expect(outcomes?.[0]?.rule, said).toBe(expected);
      expect(skipped, said).toHaveLength(at < 0 ? rules.length : at);
      if (at >= 0) met++;
    }
  expect(met).toBeGreaterThan(500);
});
