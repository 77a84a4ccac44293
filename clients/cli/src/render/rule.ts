import type { Condition, HashKey, Match, Rule, ValueMatch } from "@eru/events";
import { poolName } from "@eru/routing";

/** When a rule matches, in words: `path /api, method GET; or header x-beta = 1`. */
export const whenText = ({ when }: Pick<Rule, "when">): string =>
  when ? when.map(matchText).join("; or ") : "always";

function matchText({ not = [], ...condition }: Match): string {
  return [...conditionTexts(condition), ...not.map((one) => `not (${conditionTexts(one).join(", ")})`)].join(
    ", ",
  );
}

function conditionTexts(condition: Condition): string[] {
  const { path, methods, scheme, port, grpc, userAgent, headers, query, cookies, source, percent } =
    condition;
  const named = (what: string, record: Readonly<Record<string, ValueMatch>> | undefined) =>
    Object.entries(record ?? {}).map(([name, value]) => `${what} ${name} ${valueText(value)}`);
  return [
    path && pathText(path),
    methods && `method ${methods.join(" or ")}`,
    scheme && `scheme ${scheme}`,
    port !== undefined && `port ${port}`,
    grpc && `gRPC ${grpc.service}${grpc.method === undefined ? "" : `/${grpc.method}`}`,
    userAgent && `user agent ${valueText(userAgent)}`,
    ...named("header", headers),
    ...named("query", query),
    ...named("cookie", cookies),
    source && `from ${source.join(" or ")}`,
    percent && `${percent.of} % by ${keyText(percent.key)}`,
  ].filter((text) => typeof text === "string");
}

const pathText = (path: NonNullable<Condition["path"]>): string =>
  "exact" in path
    ? `path = ${path.exact}`
    : "prefix" in path
      ? `path ${path.prefix}${path.raw ? "*" : ""}`
      : `path ~ ${path.regex}`;

function valueText(value: ValueMatch): string {
  if ("exact" in value) return `= ${value.exact}`;
  if ("prefix" in value) return `= ${value.prefix}*`;
  if ("suffix" in value) return `= *${value.suffix}`;
  if ("regex" in value) return `~ ${value.regex}${value.ignoreCase ? " (any case)" : ""}`;
  if ("present" in value) return value.present ? "is there" : "is not there";
  return `is ${value.in.join(" or ")}`;
}

const keyText = (key: HashKey): string =>
  typeof key === "string" ? key : (Object.entries(key).map(([kind, name]) => `${kind} ${name}`)[0] ?? "");

/** What a rule does, in words: `90 % hello/web=v1, 10 % hello/web=v2`. */
export function actionText({ action }: Pick<Rule, "action">): string {
  if ("redirect" in action) return `${action.redirect.status} to ${action.redirect.location}`;
  if ("respond" in action) return `answer ${action.respond.status}`;
  const { backends, split, sticky, mirror, fallback } = action.forward;
  const sum = backends.reduce((all, { weight }) => all + weight, 0);
  const share = (weight: number) => `${Math.round((weight / sum) * 1_000) / 10} % `;
  const shares = backends.map(
    ({ to, weight }) => `${backends.length > 1 ? share(weight) : ""}${poolName(to)}`,
  );
  return [
    shares.join(", "),
    split && backends.length > 1 ? `split by ${keyText(split)}` : undefined,
    sticky && `sticky by cookie ${sticky.cookie}`,
    mirror && `mirrored to ${poolName(mirror)}`,
    fallback && `else ${poolName(fallback)}`,
  ]
    .filter((text) => text !== undefined)
    .join("; ");
}
