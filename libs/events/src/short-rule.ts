/** What the short form of a rule says, in any version of it. */
type Short = { pathPrefix: string; [selector: string]: unknown };

/** The rule a short form means, before the schema fills in what it leaves out. */
export type Expanded<S extends Short> = {
  id: string;
  when: [{ path: { prefix: string } }];
  action: { forward: { backends: [{ to: Omit<S, "pathPrefix"> }] } };
};

const idLengthMax = 128;

/**
 * Rules from their short forms: each is named after its prefix. A prefix that cannot be a name is one with its odd
 * characters replaced and its position behind it.
 */
export function expandShortRules<S extends Short>(shorts: readonly S[]): Expanded<S>[] {
  const taken = new Set<string>(shorts.map(({ pathPrefix }) => pathPrefix).filter(isId));
  return shorts.map(({ pathPrefix, ...to }, index) => ({
    id: isId(pathPrefix) ? pathPrefix : nameFor(pathPrefix, index, taken),
    when: [{ path: { prefix: pathPrefix } }],
    action: { forward: { backends: [{ to }] } },
  }));
}

const isId = (text: string): boolean =>
  text.length <= idLengthMax && /^[A-Za-z0-9/*][A-Za-z0-9._/*@:-]*$/.test(text);

function nameFor(pathPrefix: string, index: number, taken: Set<string>): string {
  let id = `${pathPrefix.replaceAll(/[^A-Za-z0-9._/*@:-]/g, "-").slice(0, 100)}@${index + 1}`;
  while (taken.has(id)) id += ":";
  taken.add(id);
  return id;
}
