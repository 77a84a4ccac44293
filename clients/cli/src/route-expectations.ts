import type { Explanation } from "@eru/events";
import { type HttpRequest, httpRequest } from "@eru/routing";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { CliError, exitCodes } from "./errors.ts";
import { pointInto, type SpecFile } from "./release-source.ts";
import { percent } from "./render/explanation.ts";

const Percents = z.record(z.string(), z.number().min(0).max(100));

const Expected = z
  .strictObject({
    /** The host of the route. */
    host: z.string().optional(),
    /** The rule all such requests meet, or the percentages of several. */
    rule: z.union([z.string(), Percents]).optional(),
    /** The pool all of them go to, or the percentages of several. */
    pool: z.union([z.string(), Percents]).optional(),
    /** What the load balancer itself answers: of a redirect, of a rule that responds, or because it goes nowhere. */
    status: z.int().min(100).max(599).optional(),
    location: z.string().optional(),
  })
  .refine((wanted) => Object.keys(wanted).length > 0, "there is no expectation in it");
type Expected = z.infer<typeof Expected>;

const Case = z.strictObject({
  /** As `GET https://www.example.org/path`; the method may be left out. */
  request: z.string(),
  headers: z.record(z.string(), z.string()).optional(),
  source: z.string().optional(),
  expect: Expected,
});

/** One line of a file of expectations. */
export type Expectation = { line: number; text: string; request: HttpRequest; expected: Expected };

/** The cases of a YAML file. */
export function readExpectations(file: SpecFile): Expectation[] {
  const counter = new LineCounter();
  const document = parseDocument(file.text, { lineCounter: counter, prettyErrors: false, stringKeys: true });
  const at = (offset: number): string => {
    const { line, col } = counter.linePos(offset);
    return `line ${line}, column ${col}`;
  };
  const refuse = (faults: { field: string; message: string }[]) =>
    new CliError(exitCodes.usage, `${file.path} is not a list of expectations`, {
      faults: pointInto(file, faults),
    });
  const broken = document.errors.map(({ pos, message }) => ({ field: at(pos[0]), message }));
  if (broken.length > 0) throw refuse(broken);
  const offsetOf = (path: readonly PropertyKey[]): number => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true) as { range?: [number] } | undefined;
      if (node?.range) return node.range[0];
    }
    return 0;
  };
  const read = z
    .array(Case)
    .min(1, "there is no case in it")
    .safeParse(document.toJS({ maxAliasCount: 100 }));
  if (!read.success)
    throw refuse(
      read.error.issues.map(({ path, message }) => ({
        field: `${at(offsetOf(path))} (${path.join(".")})`,
        message,
      })),
    );
  return read.data.map(({ request: text, headers = {}, source, expect }, index) => {
    const [, method = "GET", url = ""] = /^(?:([A-Z]+)\s+)?(\S+)$/.exec(text.trim()) ?? [];
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    const asked = httpRequest({ url, method, headers: lines, source });
    const place = offsetOf([index]);
    if (!asked.ok) throw refuse([{ field: `${at(place)} (${index}.request)`, message: asked.reason }]);
    return { line: counter.linePos(place).line, text, request: asked.request, expected: expect };
  });
}

/** What is otherwise than expected, in words; empty when all is as expected. */
export function deviations(expected: Expected, explanation: Explanation): string[] {
  const found: string[] = [];
  const compare = (what: string, wanted: string, is: string) => {
    if (wanted !== is) found.push(`${what} is ${is}, expected ${wanted}`);
  };
  const { host, rule, pool, status, location } = expected;
  if (host !== undefined) compare("the host", host, explanation.route ?? "none");
  if (rule !== undefined) compare("the rule", wantedText(rule), sharesText(rulesIn(explanation)));
  if (pool !== undefined) compare("the pool", wantedText(pool), sharesText(poolsIn(explanation)));
  if (status !== undefined) compare("the status", String(status), statusesIn(explanation));
  if (location !== undefined)
    compare(
      "the location",
      location,
      explanation.outcomes.map((one) => one.location ?? "none").join(" or ") || "none",
    );
  return found;
}

type Shares = ReadonlyMap<string, number>;

const rulesIn = ({ outcomes }: Explanation): Shares =>
  new Map(outcomes.map(({ rule, share }) => [rule, share]));

function poolsIn({ outcomes }: Explanation): Shares {
  const shares = new Map<string, number>();
  for (const { share, backends = [] } of outcomes)
    for (const backend of backends)
      shares.set(backend.pool, (shares.get(backend.pool) ?? 0) + share * backend.share);
  return shares;
}

/** What comes from an endpoint is not known, and is called so. */
function statusesIn({ outcomes, reason }: Explanation): string {
  const statuses = outcomes.map(({ status }) => (status === undefined ? "the endpoint's" : String(status)));
  if (reason === "no_such_host" || reason === "no_such_path") statuses.push("404");
  else if (reason !== undefined) return "503";
  return [...new Set(statuses)].join(" or ");
}

const wantedText = (wanted: string | Readonly<Record<string, number>>): string =>
  sharesText(
    typeof wanted === "string"
      ? new Map([[wanted, 1]])
      : new Map(Object.entries(wanted).map(([name, of]) => [name, of / 100])),
  );

/** `web`, or `canary 10 %, web 90 %`. */
function sharesText(shares: Shares): string {
  const parts = [...shares].filter(([, share]) => share > 0).sort(([one], [other]) => (one < other ? -1 : 1));
  if (parts.length === 0) return "none";
  return parts.map(([name, share]) => (share > 0.999_999 ? name : `${name} ${percent(share)}`)).join(", ");
}
