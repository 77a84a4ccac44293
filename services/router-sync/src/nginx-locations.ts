/**
 * The locations in which nginx forwards what the plain one cannot: which answers are tried again, how bodies are bounded
 * and whether they are read first is fixed per location, so there is one for each combination. infra/elb/lua/eru/forwarding.lua
 * chooses between them by name.
 */
export function forwardingLocations(): string {
  const blocks = [...retryLocations(), ...bodyClasses.flatMap(bodyLocations)];
  return [...blocks, ...blocks.flatMap(verified)].map(({ name, lines }) => block(name, lines)).join("\n");
}

type Location = { readonly name: string; readonly lines: readonly string[] };

/** The same for endpoints whose certificates are judged; `@http_502` is `@http_502_verified`, `@grpc_1m` `@grpc_verified_1m`. */
function verified({ name, lines }: Location): Location[] {
  const [kind = "", ...rest] = name.split("_");
  if (kind === "read") return [];
  return [
    {
      name: kind === "http" ? `${name}_verified` : [kind, "verified", ...rest].join("_"),
      lines: [...lines, `${kind === "grpc" ? "grpc" : "proxy"}_ssl_verify on;`],
    },
  ];
}

/** How long bodies without a known length may get; `all` is for those whose length was looked at before. */
const bodyClasses = ["1m", "16m", "256m", "1g", "all"] as const;

const filter = `header_filter_by_lua_block { eru_proxy.filter() }`;

/** Bodies that are read first. */
function retryLocations(): Location[] {
  const statuses = [502, 503, 504];
  const sets = Array.from({ length: 8 }, (_, bits) =>
    statuses.filter((_status, index) => bits & (1 << index)),
  );
  return sets.flatMap((set) =>
    [false, true].map((any) => {
      const on = [...set.map((status) => `http_${status}`), ...(any ? ["non_idempotent"] : [])];
      return {
        name: `http${set.map((status) => `_${status}`).join("")}${any ? "_any" : ""}`,
        lines: [
          "proxy_pass $eru_target;",
          ["proxy_next_upstream error timeout", ...on].join(" ").concat(";"),
          // The rule bounds the tries and how long each may take.
          "proxy_next_upstream_timeout 0;",
          filter,
        ],
      };
    }),
  );
}

/** Bodies that are passed on as they come, and those that are read only to learn their length. */
function bodyLocations(size: (typeof bodyClasses)[number]): Location[] {
  const bound = `client_max_body_size ${size === "all" ? "0" : size};`;
  return [
    {
      name: `stream_${size}`,
      lines: ["proxy_pass $eru_target;", "proxy_request_buffering off;", bound, filter],
    },
    { name: `grpc_${size}`, lines: ["grpc_pass $eru_target;", bound, filter] },
    {
      name: `read_${size}`,
      lines: [bound, `access_by_lua_block { eru_proxy.read() }`, "proxy_pass http://eru_endpoints;"],
    },
  ];
}

const block = (name: string, lines: readonly string[]): string =>
  [`    location @${name} {`, ...lines.map((line) => `      ${line}`), "    }"].join("\n");
