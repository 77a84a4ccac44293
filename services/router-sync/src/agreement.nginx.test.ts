// Goal: both matchers, in Lua inside nginx and in TypeScript, send every request the same way. Method: random hosts with
// random requests, explained by both; and requests on the wire, answered by nginx and predicted here. The usual run takes
// a few thousand cases, ERU_AGREEMENT_CASES another number; a case that differs is shrunk and printed with its seed.
import type { ExplainQuestion, Explanation } from "@eru/events";
import { bytesOf, compileHost, explain, type HttpRequest, type TablePool } from "@eru/routing";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { type Elb, startElb } from "./testing-nginx.ts";
import { atEnd, endAll } from "./testing-service.ts";
import { anyHost, anyPools, anyRequest, hostNames } from "./testkit/cases.ts";

afterEach(endAll);

const casesWanted = Number(process.env["ERU_AGREEMENT_CASES"] ?? 5_000);
/** Requests asked of one table. */
const askedOfOne = 20;
const runs = Math.ceil(casesWanted / askedOfOne);
const enoughMs = 60_000 + casesWanted * 5;

/** Puts tables into one nginx after another. */
class Tables {
  readonly #elb: Elb;
  #seq = 10;
  #keys: string[] = [];

  constructor(elb: Elb) {
    this.#elb = elb;
  }

  async put(table: ReadonlyMap<string, unknown>): Promise<void> {
    const lines = [...table].map(([key, value]) => ({ key, json: JSON.stringify(value) }));
    const gone = this.#keys.filter((key) => !table.has(key)).map((key) => ({ key }));
    const header = { epoch: "e1", base: this.#seq, seq: this.#seq + 1 };
    const written = await this.#elb.admin.delta(header, [...lines, ...gone]);
    expect(written).toMatchObject({ ok: true });
    this.#seq++;
    this.#keys = [...table.keys()];
  }
}

const requestOf = ({ headers, ...question }: ExplainQuestion): HttpRequest => ({
  ...question,
  path: bytesOf(question.path),
  query: bytesOf(question.query),
  headers: new Map(
    Object.entries(headers)
      .filter(([name]) => /^[a-z0-9-]+$/.test(name))
      .map(([name, value]) => [name, bytesOf(value)]),
  ),
});

/** An explanation without what may differ in form: shares have nine digits. */
const comparable = (rest: Explanation) => ({
  ...rest,
  outcomes: rest.outcomes.map(({ backends, ...outcome }) => ({
    ...outcome,
    share: outcome.share.toFixed(9),
    ...(backends && { backends: backends.map((one) => ({ ...one, share: one.share.toFixed(9) })) }),
  })),
});

test(
  `nginx and the second matcher explain ${runs * askedOfOne} random requests alike`,
  async () => {
    const elb = await startElb();
    atEnd(elb.stop);
    const tables = new Tables(elb);
    const hosts = fc.dictionary(fc.constantFrom(...hostNames), anyHost, {
      minKeys: 1,
      maxKeys: 3,
      noNullPrototype: true,
    });
    const requests = fc.array(anyRequest, { minLength: askedOfOne, maxLength: askedOfOne });
    const seen = { outcomes: 0, chance: 0, skipped: 0, fallback: 0 };
    await fc.assert(
      fc.asyncProperty(hosts, anyPools, requests, async (declared, pools, questions) => {
        const named = (kind: string, values: object) =>
          Object.entries(values).map(([name, value]) => [`${kind}:${name}`, value] as const);
        await tables.put(new Map([...named("p", pools), ...named("r", declared)]));
        const compiled = new Map(Object.entries(declared).map(([name, host]) => [name, compileHost(host)]));
        const table = {
          host: (name: string) => compiled.get(name),
          pool: (name: string): TablePool | undefined => pools[name],
        };
        await Promise.all(
          questions.map(async (question) => {
            const request = requestOf(question);
            const mine = explain(request, table);
            const its = await elb.admin.explain(question);
            expect({ question, ...comparable(its) }).toEqual({ question, ...comparable(mine) });
            seen.outcomes += mine.outcomes.length;
            seen.chance += mine.outcomes.length > 1 ? 1 : 0;
            seen.skipped += mine.skipped.length;
            seen.fallback += mine.outcomes.some(({ fallback }) => fallback) ? 1 : 0;
          }),
        );
      }),
      { numRuns: runs },
    );
    // A comparison of nothing would agree too.
    const cases = runs * askedOfOne;
    expect(seen.outcomes).toBeGreaterThan(cases / 3);
    expect(seen.chance).toBeGreaterThan(cases / 200);
    expect(seen.skipped).toBeGreaterThan(cases / 2);
    expect(seen.fallback).toBeGreaterThan(cases / 1_000);
  },
  enoughMs,
);
