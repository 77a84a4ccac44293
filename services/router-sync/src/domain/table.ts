/**
 * A route table: what each key holds, as JSON. Keys are `p:<pool>`, `r:<host>`, `g:<setting>`,
 * `c:<host>` (certificate), `t:<host>` (how it is served) and `a:<token>` (ACME).
 */
export type Table = ReadonlyMap<string, string>;

/** One change of a table. Without `json` the key goes. */
export type Line = { key: string; json?: string };

// Make before break: what a rule names is there before the rule and goes after it.
const order = ["+g", "+c", "+a", "+p", "+r", "+t", "-t", "-r", "-p", "-a", "-c", "-g"];
const rank = (line: Line): number => order.indexOf(`${line.json === undefined ? "-" : "+"}${line.key[0]}`);

/** The lines that turn one table into another, looking only at `keys`, or at all. */
export function diff(from: Table, to: Table, keys?: Iterable<string>): Line[] {
  const lines: Line[] = [];
  for (const key of keys ?? new Set([...from.keys(), ...to.keys()])) {
    const json = to.get(key);
    if (json === from.get(key)) continue;
    lines.push(json === undefined ? { key } : { key, json });
  }
  return lines.sort((a, b) => rank(a) - rank(b) || (a.key < b.key ? -1 : 1));
}

/** The table after the lines. */
export function apply(table: Table, lines: readonly Line[]): Map<string, string> {
  const after = new Map(table);
  for (const { key, json } of lines)
    if (json === undefined) after.delete(key);
    else after.set(key, json);
  return after;
}

/** A line as the load balancer reads it: `op TAB key TAB json`, with a line feed. */
export const encodeLine = ({ key, json }: Line): string =>
  json === undefined ? `-\t${key}\n` : `+\t${key}\t${json}\n`;

/** A table as lines, in the order they may be loaded. */
export const tableLines = (table: Table): Line[] => diff(new Map(), table);

/** Reads lines back. Throws for a text that no load balancer or boot file of ours wrote. */
export function parseTable(text: string): Map<string, string> {
  const table = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [op, key, json] = line.split("\t");
    if (op !== "+" || !key || json === undefined)
      throw new SyntaxError(`not a line of a table: ${JSON.stringify(line.slice(0, 200))}`);
    table.set(key, json);
  }
  return table;
}
