// Rules of the repository that no compiler or linter checks. A rule that only stands in prose drifts.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
// New files count before they are committed.
const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "");
const texts = new Map(
  listed
    .filter((file) =>
      /\.(ts|lua|sh|c|md|json|yaml|yml|conf|service)$|(^|\/)(Makefile|Dockerfile|run|rig)$/.test(file),
    )
    .flatMap((file) => {
      try {
        return [[file, readFileSync(join(root, file), "utf8")] as const];
      } catch {
        return []; // Deleted, but not yet from the index.
      }
    }),
);
const matching = (where: RegExp) => [...texts].filter(([file]) => where.test(file));
const imports = (text: string): string[] =>
  [...text.matchAll(/^(?:import|export)\s(?:[^;"']*?\sfrom\s)?["']([^"']+)["']/gm)].map(
    (match) => match[1] ?? "",
  );
const source = (folder: string) => new RegExp(`^${folder}/(?!.*\\.test\\.ts$).*\\.ts$`);

type Rule = {
  name: string;
  where: RegExp;
  breaks: (text: string, file: string) => boolean;
  /** A text that must break the rule: shows that the rule can fail. */
  example: { file: string; text: string };
};

const importsBesides = (allowed: RegExp) => (text: string) =>
  imports(text).some((from) => !from.startsWith(".") && !allowed.test(from));

const rules: readonly Rule[] = [
  {
    name: "the contracts depend on zod alone",
    where: source("libs/events"),
    breaks: importsBesides(/^zod$/),
    example: { file: "libs/events/src/x.ts", text: 'import fs from "node:fs";' },
  },
  {
    name: "the rules of routing are pure: they depend on the contracts, schemas, hashes and one regex engine",
    where: source("libs/routing"),
    breaks: importsBesides(/^(@eru\/events|zod|node:crypto|re2js)$/),
    example: { file: "libs/routing/src/x.ts", text: 'import fs from "node:fs";' },
  },
  {
    name: "kinds of resources depend on the contracts alone",
    where: source("libs/resources"),
    breaks: importsBesides(/^@eru\/events$/),
    example: { file: "libs/resources/src/x.ts", text: 'import fs from "node:fs";' },
  },
  {
    name: "domain code imports only its neighbours, the contracts, the rules of routing and the kinds of resources",
    where: /\/src\/domain\/(?!.*\.test\.ts$).*\.ts$/,
    breaks: (text) =>
      imports(text).some(
        (from) => !from.startsWith("./") && !/^@eru\/(events|resources|routing)$/.test(from),
      ),
    example: { file: "services/scheduler/src/domain/x.ts", text: 'import { x } from "../x.ts";' },
  },
  {
    name: "domain code has no clock, no chance, no console and no environment",
    where: /\/src\/domain\/(?!.*\.test\.ts$).*\.ts$/,
    breaks: (text) =>
      /\bDate\.now|\bnew Date\(\)|Math\.random|randomUUID|setTimeout|setInterval|performance\.|console\.|process\./.test(
        text,
      ),
    example: { file: "services/scheduler/src/domain/x.ts", text: "const now = Date.now();" },
  },
  {
    name: "services do not import each other",
    where: /^services\//,
    breaks: (text, file) =>
      imports(text).some(
        (from) =>
          /^@eru\/(command-api|scheduler|node-agent|projector|router-sync)/.test(from) ||
          (from.includes("services/") && !from.includes(`services/${file.split("/")[1]}/`)),
      ),
    example: {
      file: "services/projector/src/x.ts",
      text: 'import { x } from "../../scheduler/services/x.ts";',
    },
  },
  {
    name: "the broker's client is imported by the log alone",
    where: /^(?!libs\/log\/).*\.ts$/,
    breaks: (text) => imports(text).some((from) => from.startsWith("@nats-io/")),
    example: { file: "services/x/src/x.ts", text: 'import { connect } from "@nats-io/transport-node";' },
  },
  {
    name: "only configuration and composition roots read the environment",
    where: /^(services|libs)\/(?!testing\/)(?!.*(\.test\.ts$|\/testkit\/))(?!.*\/(config|main)\.ts$).*\.ts$/,
    breaks: (text) => /process\.env/.test(text),
    example: { file: "services/x/src/x.ts", text: "process.env.HOME" },
  },
  {
    name: "a composition root fits in 60 lines",
    where: /^services\/[^/]+\/src\/main\.ts$/,
    breaks: (text) => text.trimEnd().split("\n").length > 60,
    example: { file: "services/x/src/main.ts", text: "\n1".repeat(61) },
  },
  {
    name: "a file fits in 400 lines",
    where: /\.(ts|lua|c)$/,
    breaks: (text) => text.trimEnd().split("\n").length > 400,
    example: { file: "x.ts", text: "\n1".repeat(401) },
  },
  {
    name: "nothing is left for later",
    where: /^(?!test\/tidy\.test\.ts$).*\.(ts|lua|sh|c)$/,
    breaks: (text) => /\b(TODO|FIXME|XXX)\b|not implemented/i.test(text),
    example: { file: "x.ts", text: "// TODO: think" },
  },
  {
    name: "no test is switched off or alone",
    where: /^(?!test\/tidy\.test\.ts$).*\.test\.ts$/,
    breaks: (text) => /\b(test|it|describe)\.(only|skip|todo|skipIf|runIf)\b/.test(text),
    example: { file: "x.test.ts", text: 'test.skip("x")' },
  },
  {
    name: "nobody escapes the compiler or the linter without a reason",
    where: /^(?!test\/tidy\.test\.ts$).*\.ts$/,
    breaks: (text) => /@ts-(ignore|nocheck|expect-error)|biome-ignore(?! \S+: \S)/.test(text),
    example: { file: "x.ts", text: "// @ts-ignore" },
  },
  {
    name: "a last-sequence check never uses a filter: it is unsafe on replicated streams",
    where: /^(?!test\/tidy\.test\.ts$).*\.ts$/,
    breaks: (text) => /Last-Subject-Sequence-Subject/.test(text),
    example: { file: "x.ts", text: '"Nats-Expected-Last-Subject-Sequence-Subject"' },
  },
];

describe("every rule can fail", () => {
  test.each(rules)("$name", ({ where, breaks, example }) => {
    expect(where.test(example.file)).toBe(true);
    expect(breaks(example.text, example.file)).toBe(true);
  });
});

describe("tidy", () => {
  test.each(rules)("$name", ({ where, breaks }) => {
    const files = matching(where);
    expect(files.length).toBeGreaterThan(0); // A listing that comes back empty must not pass.
    expect(files.filter(([file, text]) => breaks(text, file)).map(([file]) => file)).toEqual([]);
  });

  test("the lock file names no host to download from", () => {
    const lock = readFileSync(join(root, "package-lock.json"), "utf8");
    expect(lock).toContain('"lockfileVersion"');
    expect(lock).not.toMatch(/"resolved": "https?:/);
  });

  test("a library's public surface has doc comments", () => {
    const bare = matching(
      /^libs\/(events|log|resources|service)\/src\/(?!.*\.test\.ts$)(?!index\.ts$).*\.ts$/,
    ).flatMap(([file, text]) =>
      [...text.matchAll(/(.*)\n(export (?:async )?(?:function|class|interface|const|abstract class) \w+)/g)]
        .filter(([, before]) => !/\*\/\s*$/.test(before ?? ""))
        .map((match) => `${file}: ${match[2]}`),
    );
    expect(bare).toEqual([]);
  });
});
