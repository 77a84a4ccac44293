import { type Document, isMap, isNode, LineCounter, parseAllDocuments } from "yaml";
import { CliError, exitCodes, type Fault } from "./errors.ts";
import { pointInto, type SpecFile } from "./release-source.ts";

/** One route of a file: its host, and what is declared for it, as it stands there. */
export type RouteInFile = {
  host: string;
  body: Record<string, unknown>;
  /** Faults of fields of the body, at their lines in the file. */
  locate: (faults: readonly Fault[]) => Fault[];
};

/** References to one anchor, expanded. */
const aliasesMax = 100;

/**
 * The routes of a YAML or JSON file, one in each document. What is written is checked by the server; here it is read
 * strictly, so that a key that stands twice is not half of what somebody meant.
 */
export function readRoutes(file: SpecFile): RouteInFile[] {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(file.text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const documents = "empty" in parsed ? [] : parsed;
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(Math.min(offset, file.text.length));
    return `line ${line}, column ${col}`;
  };
  const faults = documents
    .flatMap(({ errors, warnings }) => [...errors, ...warnings])
    .map(({ pos, message }) => ({ field: at(pos[0]), message: `invalid YAML: ${message}` }));
  if (faults.length > 0) throw faulty(file, faults);
  const routes = documents.filter(({ contents }) => contents !== null);
  if (routes.length === 0) throw faulty(file, [], "holds no route: write `host:` and `rules:`");
  return routes.map((document) => routeOf(file, document, at));
}

function routeOf(file: SpecFile, document: Document, at: (offset: number) => string): RouteInFile {
  const begin = isNode(document.contents) ? (document.contents.range?.[0] ?? 0) : 0;
  const value: unknown = document.toJS({ maxAliasCount: aliasesMax });
  if (!isMap(document.contents) || typeof value !== "object" || value === null)
    throw faulty(file, [{ field: at(begin), message: "a route is wanted here: `host:` and `rules:`" }]);
  const { host, ...body } = value as Record<string, unknown>;
  if (typeof host !== "string")
    throw faulty(file, [
      {
        field: at(begin),
        message: "`host` is wanted, a text: www.example.org, or '*' in quotes for the default",
      },
    ]);
  const locate = (faults: readonly Fault[]) =>
    pointInto(
      file,
      faults.map((fault) => ({ ...fault, field: `${at(offsetOf(document, fault.field))} (${fault.field})` })),
    );
  return { host, body, locate };
}

/** Where a field begins; where what is around it begins, when it is not there. */
function offsetOf(document: Document, field: string): number {
  const steps = field.split(".").map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  for (let length = steps.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(steps.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

const faulty = (file: SpecFile, faults: readonly Fault[], what = "cannot be read as routes"): CliError =>
  new CliError(exitCodes.usage, `${file.path} ${what}`, { faults: pointInto(file, faults) });
