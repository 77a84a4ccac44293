// Random rules of the table, and requests that meet them now and then: for the comparison of both matchers. Few values,
// so that they collide; each draws from what the other may hold.
import type { Condition, ExplainQuestion, HashKey, Match, ValueMatch } from "@eru/events";
import { regexSubsetFault, type TableHost, type TablePool, type TableRule } from "@eru/routing";
import fc from "fast-check";

/** There once in so many times. */
const maybe = <T>(arb: fc.Arbitrary<T>, times = 3): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: times - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: arb });

/** An object without the fields that came out undefined. */
const lean = <T extends object>(arb: fc.Arbitrary<{ [K in keyof T]: T[K] | undefined }>): fc.Arbitrary<T> =>
  arb.map(
    (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T,
  );

const word = fc.string({ unit: fc.constantFrom("a", "b", "A", "1", " ", "é", "=", "/"), maxLength: 4 });
const segment = fc.constantFrom("a", "b", "ab", "a.b", "é", "1", "s.S", "M", "...", "A");
const plainPath = fc
  .tuple(fc.array(segment, { maxLength: 3 }), fc.boolean())
  .map(([parts, slash]) => `/${parts.join("/")}${slash && parts.length > 0 ? "/" : ""}`);

const atom = fc.constantFrom(
  ...[
    "a",
    "b",
    "A",
    "1",
    "é",
    "/",
    "\\.",
    ".",
    "=",
    "[ab]",
    "[^a]",
    "[a-b1]",
    "[[:digit:]]",
    "[^\\s/]",
    "[\\w-]",
  ],
  ...["\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "^", "$", "\\b", "\\B", "\\x61", "(?i:a)"],
);
/** A regex of the subset, one that any value may or may not meet. */
const regex = fc
  .letrec<{ all: string }>((tie) => ({
    all: fc.oneof(
      { maxDepth: 3 },
      atom,
      fc.tuple(tie("all"), tie("all")).map(([one, other]) => one + other),
      fc.tuple(tie("all"), tie("all")).map(([one, other]) => `(?:${one}|${other})`),
      tie("all").map((one) => `(${one})`),
      fc
        .tuple(tie("all"), fc.constantFrom("*", "+", "?", "*?", "+?", "{2}", "{1,2}", "{0,1}?"))
        .map(([one, times]) => `(?:${one})${times}`),
    ),
  }))
  .all.filter((pattern) => regexSubsetFault(pattern) === undefined);

const valueMatch: fc.Arbitrary<ValueMatch> = fc.oneof(
  word.map((exact) => ({ exact })),
  word.map((prefix) => ({ prefix })),
  word.map((suffix) => ({ suffix })),
  regex.map((one) => ({ regex: one })),
  regex
    .filter((one) => regexSubsetFault(one, true) === undefined)
    .map((one) => ({ regex: one, ignoreCase: true })),
  fc.boolean().map((present) => ({ present })),
  fc.array(word, { minLength: 1, maxLength: 3 }).map((one) => ({ in: one })),
);

const headerNames = ["x-a", "X-B", "accept", "x_odd"] as const;
const names = ["a", "b", "é"] as const;
const cookieNames = ["a", "B", "c.d"] as const;
const record = (of: readonly string[]) =>
  fc.dictionary(fc.constantFrom(...of), valueMatch, { minKeys: 1, maxKeys: 2, noNullPrototype: true });

const hashKey: fc.Arbitrary<HashKey> = fc.oneof(
  fc.constantFrom(...headerNames).map((header) => ({ header })),
  fc.constantFrom(...cookieNames).map((cookie) => ({ cookie })),
  fc.constantFrom(...names).map((query) => ({ query })),
  fc.constantFrom<HashKey>("source", "path", "random"),
);

const condition: fc.Arbitrary<Condition> = lean<Condition>(
  fc.record({
    path: maybe(
      fc.oneof(
        plainPath.map((exact) => ({ exact })),
        plainPath.map((prefix) => ({ prefix })),
        fc.tuple(plainPath, segment).map(([prefix, more]) => ({ prefix: prefix + more, raw: true })),
        regex.map((one) => ({ regex: one })),
      ),
      2,
    ),
    methods: maybe(fc.uniqueArray(fc.constantFrom("GET", "POST", "PUT"), { minLength: 1, maxLength: 2 }), 6),
    scheme: maybe(fc.constantFrom("http" as const, "https" as const), 8),
    port: maybe(fc.constantFrom(80, 443, 8080), 8),
    grpc: maybe(
      fc.constantFrom<NonNullable<Condition["grpc"]>>({ service: "s.S" }, { service: "s.S", method: "M" }),
      8,
    ),
    userAgent: maybe(valueMatch, 5),
    headers: maybe(record(headerNames), 5),
    query: maybe(record(names), 5),
    cookies: maybe(record(cookieNames), 5),
    source: maybe(
      fc.uniqueArray(
        fc.constantFrom(
          "127.0.0.0/8",
          "10.0.0.0/30",
          "10.0.0.1",
          "127.0.0.2",
          "fd00::/7",
          "::1",
          "0.0.0.0/0",
          "::/0",
        ),
        { minLength: 1, maxLength: 2 },
      ),
      6,
    ),
    percent: maybe(
      lean<NonNullable<Condition["percent"]>>(
        fc.record({
          of: fc.constantFrom(0, 0.07, 12.5, 33.33, 50, 99.99, 100),
          key: hashKey,
          salt: maybe(fc.constantFrom("", "s", "é")),
        }),
      ),
      6,
    ),
  }),
).filter((one) => Object.keys(one).length > 0);

const match: fc.Arbitrary<Match> = fc.oneof(
  { weight: 3, arbitrary: condition },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.option(condition, { nil: {} }), fc.array(condition, { minLength: 1, maxLength: 2 }))
      .map(([one, not]) => ({ ...one, not })),
  },
);

const locations = ["https://$host$path$query", "/x/$1-$2?", "$5$", "https://a.org/$paths"];
const redirect = fc
  .constantFrom(...locations)
  .map((location) => ({ redirect: { location, status: 302 as const } }));
const respond = fc.constantFrom(200, 403, 503).map((status) => ({ respond: { status, body: "" } }));
const poolNames = ["p0/web", "p1/web=v1", "p2/web", "none/web"] as const;
const forward = fc
  .record({
    backends: fc
      .array(fc.record({ pool: fc.constantFrom(...poolNames), weight: fc.constantFrom(0, 1, 2, 7) }), {
        minLength: 1,
        maxLength: 3,
      })
      .filter((all) => all.some(({ weight }) => weight > 0)),
    split: maybe(hashKey),
    fallback: maybe(fc.constantFrom(...poolNames), 4),
  })
  .map(({ split, fallback, ...rest }) => ({
    forward: { ...rest, ...(split !== undefined && { split }), ...(fallback !== undefined && { fallback }) },
  }));

type Action = Omit<TableRule, "id" | "when">;

const hostOf = (actions: fc.Arbitrary<Action>): fc.Arbitrary<TableHost> =>
  fc
    .array(
      fc.tuple(
        fc.option(fc.array(match, { minLength: 1, maxLength: 3 }), { freq: 12, nil: undefined }),
        actions,
      ),
      {
        minLength: 1,
        maxLength: 8,
      },
    )
    .map((rules) => ({
      rules: rules.map(([when, action], index) => ({ id: `r${index}`, ...(when && { when }), ...action })),
    }));

/** A host with rules of all kinds. */
export const anyHost = hostOf(fc.oneof(redirect, respond, { weight: 3, arbitrary: forward }));

/** A host whose rules answer themselves, with their ids. */
export const answeringHost = hostOf(fc.constant({})).map(({ rules }) => ({
  rules: rules.map((rule, index) =>
    index % 4 === 3
      ? { ...rule, redirect: { location: `/${rule.id}?p=$path&1=$1$query`, status: 307 as const } }
      : { ...rule, respond: { status: 200, body: rule.id } },
  ),
}));

const poolOf = (name: string): fc.Arbitrary<[string, TablePool]> =>
  fc.array(fc.constantFrom("a" as const, "d" as const), { maxLength: 2 }).map((states) => [
    name,
    {
      eps: states.map((s, index) => ({
        id: `${name.replaceAll(/[/=]/g, "-")}-${index}`,
        ip: "127.0.0.1",
        port: 9 + index,
        w: 1,
        s,
      })),
    },
  ]);

/** The pools that rules forward to; the last name has none. */
export const anyPools: fc.Arbitrary<Record<string, TablePool>> = fc
  .tuple(...poolNames.slice(0, 3).map((name) => poolOf(name)))
  .map((pools) => Object.fromEntries(pools));

/** Hosts of tables; requests are for others, which these cover or not. */
export const hostNames = ["a.b.org", "*.b.org", "*.org", "*"] as const;

const queryPart = fc.constantFrom(
  ...[
    "a=a",
    "a=b",
    "b=1",
    "a",
    "b=",
    "%C3%A9=A",
    "a=%61",
    "a=+b",
    "a=%",
    "a=%zz",
    "=a",
    "a=a=b",
    "b=%c3%a9",
    "&",
    "a=/",
  ],
);
const cookiePart = fc.constantFrom(
  ...["a=a", "a=b", "B=1", "b=1", "c.d=é", " a = b ", "a", "=a", "a=a=b", 'a="b"', "B=", "aB=1", "a=a,B=b"],
);
const headerValue = fc.oneof(word, fc.constantFrom("a", "b", "1", "é", "ab"));

/** A request in text; its path is normalised. */
export const anyRequest: fc.Arbitrary<ExplainQuestion> = fc.record({
  host: fc.constantFrom("a.b.org", "b.org", "x.b.org", "x.y.b.org", "org"),
  method: fc.constantFrom("GET", "GET", "POST", "PUT"),
  scheme: fc.constantFrom("http", "https"),
  port: fc.constantFrom(80, 443, 8080),
  path: fc.oneof(
    { weight: 4, arbitrary: plainPath },
    fc.constantFrom("/a\n", "/a b", "/é%", "/s.S/M", "/s.S/", "/\u000b"),
  ),
  query: fc.array(queryPart, { maxLength: 3 }).map((parts) => parts.join("&")),
  headers: headersWith(headerValue),
  source: fc.constantFrom(
    "127.0.0.1",
    "10.0.0.1",
    "10.0.0.4",
    "fd00::1",
    "::1",
    "::ffff:10.0.0.1",
    "2001:db8::1",
  ),
});

function headersWith(value: fc.Arbitrary<string>): fc.Arbitrary<Record<string, string>> {
  return lean<Record<string, string>>(
    fc.record({
      "user-agent": maybe(value, 2),
      "x-a": maybe(value, 2),
      "x-b": maybe(value, 3),
      accept: maybe(value, 5),
      cookie: maybe(
        fc.array(cookiePart, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(";")),
        2,
      ),
      "content-type": maybe(
        fc.constantFrom("application/grpc", "application/grpc+proto", "application/grpc-web", "text/plain"),
        5,
      ),
    }),
  );
}

const rawPiece = fc.constantFrom(
  ...[
    "/",
    "//",
    "/.",
    "/..",
    ".",
    "..",
    "a",
    "b",
    "ab",
    "é",
    "%61",
    "%2F",
    "%2e",
    "%2E",
    "%",
    "%zz",
    "%25",
    "%3f",
    "%23",
  ],
  ...["?", "#", "&", "+", "=", "%20", "%0a", "%00", "%C3%A9", "%ff", "1", "\\", "~", "/s.S/M"],
);

/** The target of a request line as a hostile client writes it, in bytes. */
export const rawTarget = fc
  .oneof(
    { weight: 2, arbitrary: fc.array(rawPiece, { maxLength: 8 }).map((pieces) => `/${pieces.join("")}`) },
    fc
      .tuple(plainPath, fc.array(queryPart, { maxLength: 3 }))
      .map(([path, parts]) => `${path}?${parts.join("&")}`),
  )
  .map((text) => Buffer.from(text, "utf8").toString("latin1"));
