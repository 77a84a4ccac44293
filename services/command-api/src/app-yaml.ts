import { AppSpec } from "@eru/events";
import { sectionFaults } from "@eru/routing";
import { type FieldFault, withoutUnions } from "@eru/service";
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type YAMLMap,
} from "yaml";
import type { z } from "zod";
import { faultyDefaults } from "./default-resources.ts";
import { unpublishedChecks } from "./unpublished.ts";

/** References to one anchor, expanded: keeps a few lines from becoming gigabytes. */
const aliasesMax = 100;
/** Faults shown at once. */
const faultsMax = 50;

/** Characters of a wrong value that are shown. */
const shownLengthMax = 120;

/** An `app.yaml` as it is understood, or what is wrong with it and where. */
export type ParsedApp = { ok: true; spec: AppSpec } | { ok: false; faults: FieldFault[] };

/** Reads an `app.yaml` strictly: what is unknown, twice, of the wrong type or out of range is a fault at its line. */
export function parseAppYaml(text: string): ParsedApp {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return `line ${line}, column ${col}`;
  };
  // A warning is about a tag nobody knows: it would be read as something else than it says.
  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0)
    return faulty(
      syntax.map(({ pos, message }) => ({ field: at(pos[0]), message: `invalid YAML: ${message}` })),
    );
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: aliasesMax });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return faulty([{ field: at(0), message: `aliases: ${error.message}; write it out` }]);
  }
  const parsed = AppSpec.safeParse(value);
  if (parsed.success) {
    const contradictions = [
      ...unpublishedChecks(parsed.data),
      ...faultyDefaults(parsed.data),
      ...sectionFaults(parsed.data).map(({ at, message }) => ({ path: at, message })),
    ];
    if (contradictions.length === 0) return { ok: true, spec: parsed.data };
    return faulty(
      contradictions.map(({ path, message }) => {
        const steps = path.map(String);
        return { field: `${at(place(document, steps))} (${steps.join(".")})`, message };
      }),
    );
  }
  return faulty(withoutUnions(parsed.error.issues).flatMap((issue) => faultsOf(issue, document, at)));
}

const faulty = (faults: FieldFault[]): ParsedApp => ({ ok: false, faults: faults.slice(0, faultsMax) });

function faultsOf(issue: z.core.$ZodIssue, document: Document, at: (offset: number) => string): FieldFault[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({
      field: `${at(place(document, path, key))} (${[...path, key].join(".")})`,
      message: `unknown key ${JSON.stringify(key)}: remove it or correct its spelling`,
    }));
  // A fault of a key (not of its value) is at the key.
  const key = issue.code === "invalid_key" ? path.at(-1) : undefined;
  const offset = key === undefined ? place(document, path) : place(document, path.slice(0, -1), key);
  const message =
    issue.code === "invalid_key" ? issue.issues.map((one) => one.message).join("; ") : issue.message;
  const value = issue.code === "invalid_key" ? undefined : scalarAt(document, path);
  const unquoted = issue.code === "invalid_type" && issue.expected === "string" && value !== undefined;
  return [
    {
      field: path.length > 0 ? `${at(offset)} (${path.join(".")})` : at(offset),
      ...(value !== undefined && { value }),
      message: unquoted ? `${message}: put it in quotes` : message,
    },
  ];
}

/** The offset of the value at a path, or of a key in the map there; of the nearest thing around it when it is missing. */
function place(document: Document, path: readonly string[], key?: string): number {
  let here: unknown = document.contents;
  let offset = startOf(here) ?? 0;
  const steps = key === undefined ? path : [...path, key];
  for (const [index, step] of steps.entries()) {
    if (isAlias(here)) here = here.resolve(document);
    const pair = isMap(here) ? pairOf(here, step) : undefined;
    const next = pair ? pair.value : isSeq(here) ? here.items[Number(step)] : undefined;
    const wantsKey = key !== undefined && index === steps.length - 1;
    const start = startOf(wantsKey ? pair?.key : next) ?? startOf(pair?.key);
    if (start === undefined) return offset;
    offset = start;
    here = next;
  }
  return offset;
}

const pairOf = (map: YAMLMap, key: string): Pair | undefined =>
  map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key);

const startOf = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined);

function scalarAt(document: Document, path: readonly string[]): string | number | boolean | undefined {
  const value = document.getIn(path.map((step) => (/^\d+$/.test(step) ? Number(step) : step)));
  if (typeof value === "string") return value.slice(0, shownLengthMax);
  return typeof value === "number" || typeof value === "boolean" ? value : undefined;
}
