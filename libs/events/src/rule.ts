import { z } from "zod";
import { AppName, EntrypointName, PodName, ReleaseName } from "./names.ts";
import { Port } from "./spec.ts";

/** The limits of a rule set, checked before it is recorded. `lineBytesMax` is of the host's line in the route table. */
export const ruleLimits = {
  rulesMax: 2_000,
  lineBytesMax: 64 * 1024,
  regexesMax: 100,
  regexLengthMax: 512,
  backendsMax: 32,
  matchesMax: 64,
} as const;

const Text = z.string().max(1_024);
const HeaderName = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "not a header name");
const CookieName = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "not a cookie name");
const QueryName = z.string().min(1).max(128);

/** A regular expression, searched for anywhere in the value (anchor with ^ and $). Linear-time syntax only, as in RE2. */
const Regex = z.string().min(1, "a regex must not be empty").max(ruleLimits.regexLengthMax);

/** A condition on one value. A value that is absent meets only `present: false`. */
export const ValueMatch = z.union([
  z.strictObject({ exact: Text }),
  z.strictObject({ prefix: Text }),
  z.strictObject({ suffix: Text }),
  z.strictObject({ regex: Regex, ignoreCase: z.boolean().optional() }),
  z.strictObject({ present: z.boolean() }),
  z.strictObject({ in: z.array(Text).min(1).max(256) }),
]);
export type ValueMatch = z.infer<typeof ValueMatch>;

const Path = z.string().startsWith("/", "a path begins with /").max(1_024);

/** A condition on the normalised path, without the query. `prefix` ends at a segment border, or anywhere when `raw`. */
export const PathMatch = z.union([
  z.strictObject({ exact: Path }),
  z.strictObject({ prefix: Path, raw: z.boolean().optional() }),
  z.strictObject({ regex: Regex }),
]);
export type PathMatch = z.infer<typeof PathMatch>;

/**
 * What a request is told apart by: the value is hashed, so the same user gets the same answer from every load balancer. A
 * request without the value, and `random`, get one by chance. `source` is the client's address.
 */
export const HashKey = z.union([
  z.strictObject({ header: HeaderName }),
  z.strictObject({ cookie: CookieName }),
  z.strictObject({ query: QueryName }),
  z.enum(["source", "path", "random"]),
]);
export type HashKey = z.infer<typeof HashKey>;

const Cidr = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], "an address or a CIDR block is wanted");

/** Conditions on a request, all of which must hold. Names of headers in any case; a record holds one condition per name. */
export const Condition = z.strictObject({
  path: PathMatch.optional(),
  methods: z
    .array(z.string().regex(/^[A-Z]{1,32}$/, "a method is in capitals"))
    .min(1)
    .max(16)
    .optional(),
  scheme: z.enum(["http", "https"]).optional(),
  /** The port the client connected to. */
  port: Port.optional(),
  /** A gRPC call: POST to /service/method with a content type of application/grpc. */
  grpc: z.strictObject({ service: Text.min(1), method: Text.min(1).optional() }).optional(),
  userAgent: ValueMatch.optional(),
  headers: z.record(HeaderName, ValueMatch).optional(),
  query: z.record(QueryName, ValueMatch).optional(),
  cookies: z.record(CookieName, ValueMatch).optional(),
  /** The client's address, as far as proxies that are trusted say it, is in one of these. */
  source: z.array(Cidr).min(1).max(256).optional(),
  /** A stable share of the requests, in percent with two decimals. */
  percent: z
    .strictObject({ of: z.number().min(0).max(100), key: HashKey, salt: z.string().max(64).optional() })
    .optional(),
});
export type Condition = z.infer<typeof Condition>;

const atLeastOne = (match: object): boolean => Object.keys(match).length > 0;
const noCondition = "there is no condition in it: leave it out instead";

/** Conditions of which all hold, and none of those under `not`. */
export const Match = z
  .strictObject({
    ...Condition.shape,
    not: z.array(Condition.refine(atLeastOne, noCondition)).min(1).max(ruleLimits.matchesMax).optional(),
  })
  .refine(atLeastOne, noCondition);
export type Match = z.infer<typeof Match>;

/** The workloads requests go to: those of an entrypoint that serve, or a part of them. */
export const Selector = z.strictObject({
  app: AppName,
  entrypoint: EntrypointName,
  /** Only workloads in this pod. */
  pod: PodName.optional(),
  /** The published port; absent: the entrypoint's first. */
  port: Port.optional(),
  /** Only workloads of this release. */
  release: ReleaseName.optional(),
  /** Only what a rollout under way brings (`canary`), or only the rest (`stable`). */
  track: z.enum(["stable", "canary"]).optional(),
});
export type Selector = z.infer<typeof Selector>;

/** Header changes: `remove` first, then `set`, then `add`. Values may not hold line ends. */
export const HeaderChanges = z.strictObject({
  set: z
    .record(
      HeaderName,
      z
        .string()
        .max(4_096)
        .regex(/^[^\r\n\0]*$/, "no line ends"),
    )
    .optional(),
  add: z
    .record(
      HeaderName,
      z
        .string()
        .max(4_096)
        .regex(/^[^\r\n\0]*$/, "no line ends"),
    )
    .optional(),
  remove: z.array(HeaderName).max(64).optional(),
});
export type HeaderChanges = z.infer<typeof HeaderChanges>;

const Ms = z
  .int()
  .min(1)
  .max(24 * 3_600_000);

/** How the path changes on its way: the prefix goes, then the regex replaces (`$1` is the first group), then the prefix comes. */
export const Rewrite = z.strictObject({
  stripPrefix: Path.optional(),
  regex: z.strictObject({ pattern: Regex, replacement: Text }).optional(),
  addPrefix: Path.optional(),
  /** The Host header upstream: as the client sent it (absent), the endpoint's address, or this. */
  host: z
    .union([z.strictObject({ upstream: z.literal(true) }), z.strictObject({ exact: Text.min(1) })])
    .optional(),
});
export type Rewrite = z.infer<typeof Rewrite>;

/** How the certificates of endpoints that speak https or grpcs are judged. Absent: any certificate is taken. */
const EndpointTls = z.strictObject({
  /** They must be signed by what the load balancer trusts (ERU_ELB_ENDPOINT_CA) and be for the name. */
  verify: z.boolean().default(true),
  /** The name asked for, and checked; absent: the host of the request. */
  name: z
    .string()
    .max(253)
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "wanted a name of a host in lower case, without a port")
    .optional(),
});

/** Bounds, each counted per load balancer. */
export const RequestLimits = z.strictObject({
  /** Requests a second and key (absent: all together), and how many may come at once above that. More gets 429. */
  rate: z
    .strictObject({
      perSecond: z.number().positive().max(1_000_000),
      burst: z.int().min(0).max(1_000_000).default(0),
      key: HashKey.optional(),
    })
    .optional(),
  /** Requests in flight to one endpoint; when all are at it the answer is 503. */
  inFlightPerEndpoint: z.int().min(1).max(1_000_000).optional(),
});
export type RequestLimits = z.infer<typeof RequestLimits>;

/** To workloads. */
export const Forward = z.strictObject({
  /** Weight 0 is declared and receives nothing. */
  backends: z
    .array(z.strictObject({ to: Selector, weight: z.int().min(0).max(1_000_000).default(1) }))
    .min(1)
    .max(ruleLimits.backendsMax)
    .refine((all) => all.some(({ weight }) => weight > 0), "every backend has weight 0: give one a weight"),
  /** What the choice between backends hangs on; absent: chance. */
  split: HashKey.optional(),
  /** A cookie that keeps a client on one endpoint. When that drains: choose again, or keep until it is gone. */
  sticky: z
    .strictObject({
      cookie: CookieName,
      ttlSeconds: z
        .int()
        .min(1)
        .max(365 * 86_400)
        .default(3_600),
      onDrain: z.enum(["rebind", "keep"]).default("rebind"),
    })
    .optional(),
  /** Which endpoint of the pool: smooth weighted round robin, fewest in flight, or by hash (needs the key). */
  balance: z.union([z.enum(["round_robin", "least"]), z.strictObject({ hash: HashKey })]).optional(),
  rewrite: Rewrite.optional(),
  requestHeaders: HeaderChanges.optional(),
  responseHeaders: HeaderChanges.optional(),
  /** Milliseconds; what is absent is the zone's setting. */
  timeouts: z.strictObject({ connect: Ms.optional(), read: Ms.optional(), send: Ms.optional() }).optional(),
  /** Endpoints tried in all, and after what. Only unsent or idempotent requests, unless `nonIdempotent`. */
  retry: z
    .strictObject({
      tries: z.int().min(1).max(10),
      on: z
        .array(z.enum(["connect", "timeout", "502", "503", "504"]))
        .max(5)
        .default(["connect"]),
      nonIdempotent: z.boolean().default(false),
    })
    .optional(),
  /** What the endpoints speak; absent: http. */
  protocol: z.enum(["http", "https", "grpc", "grpcs"]).optional(),
  endpointTls: EndpointTls.optional(),
  /** False refuses upgrades to WebSocket; absent: allowed. */
  websocket: z.boolean().optional(),
  /** False passes the body on as it comes, which rules out retries; absent: the body is read first. */
  requestBuffering: z.boolean().optional(),
  /**
   * The largest body in bytes; more gets 413. Absent: 1 GiB, and no bound for gRPC. Exact for a body that is read first or
   * says its length; another that is passed on as it comes is bounded by the next of 1, 16, 256 MiB, 1 GiB or not at all.
   */
  bodyBytesMax: z
    .int()
    .min(0)
    .max(1024 ** 4)
    .optional(),
  limits: RequestLimits.optional(),
  /** A copy of each request goes there; its answer is thrown away. */
  mirror: Selector.optional(),
  /** Where requests go while no backend has an endpoint. */
  fallback: Selector.optional(),
});
export type Forward = z.infer<typeof Forward>;

/** Elsewhere. In `location`, `$host`, `$path`, `$query` (with its ?) and `$1` to `$9` of the rule's path regex are filled in. */
export const Redirect = z.strictObject({
  location: z
    .string()
    .min(1)
    .max(2_048)
    .regex(/^[^\r\n\0]*$/, "no line ends"),
  status: z
    .union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)])
    .default(302),
});
export type Redirect = z.infer<typeof Redirect>;

/** An answer by the load balancer itself. */
export const Respond = z.strictObject({
  status: z.int().min(200).max(599),
  body: z.string().max(8_192).default(""),
  headers: z
    .record(
      HeaderName,
      z
        .string()
        .max(4_096)
        .regex(/^[^\r\n\0]*$/, "no line ends"),
    )
    .optional(),
});
export type Respond = z.infer<typeof Respond>;

/** What happens to the requests a rule matches. */
export const RuleAction = z.union([
  z.strictObject({ forward: Forward }),
  z.strictObject({ redirect: Redirect }),
  z.strictObject({ respond: Respond }),
]);
export type RuleAction = z.infer<typeof RuleAction>;

/** One rule of a host. It matches when one of `when` does; without `when`, always. */
export const Rule = z.strictObject({
  /** Unique in the host: the name it has in logs, metrics and explanations. */
  id: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[A-Za-z0-9/*][A-Za-z0-9._/*@:-]*$/, "letters, digits and . _ / * @ : -"),
  /** A higher one comes first, whatever the conditions. */
  priority: z.int().min(-1_000_000).max(1_000_000).default(0),
  /** False: declared, and matches nothing. */
  enabled: z.boolean().default(true),
  when: z.array(Match).min(1).max(ruleLimits.matchesMax).optional(),
  action: RuleAction,
});
export type Rule = z.infer<typeof Rule>;

/** How a host is served over TLS. */
export const RouteTls = z.strictObject({
  /** The name of a stored certificate, or one to be got from the ACME directory. */
  certificate: z.union([
    z.strictObject({
      name: z
        .string()
        .min(1)
        .max(63)
        .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/),
    }),
    z.strictObject({ acme: z.literal(true) }),
  ]),
  /** Plain requests are answered by 308 to https. */
  redirectHttp: z.boolean().default(false),
  minVersion: z.enum(["1.2", "1.3"]).default("1.2"),
});
export type RouteTls = z.infer<typeof RouteTls>;

/** The name of a group of load balancers. */
export const ElbGroup = z
  .string()
  .max(40)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, "a group is lower-case letters, digits and inner dashes");
