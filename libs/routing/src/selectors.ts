import type { Rule, Selector } from "@eru/events";

/** Where a rule names a selector: its path inside the rule, for messages. */
export type NamedSelector = {
  readonly at: readonly (string | number)[];
  readonly use: "backend" | "fallback" | "mirror";
  readonly selector: Selector;
};

/** Every selector that a rule names: backends, also those of weight 0, the fallback and the mirror. */
export function selectorsOf({ action }: Rule): NamedSelector[] {
  if (!("forward" in action)) return [];
  const { backends, fallback, mirror } = action.forward;
  const at = ["action", "forward"];
  return [
    ...backends.map(
      ({ to }, index): NamedSelector => ({
        at: [...at, "backends", index, "to"],
        use: "backend",
        selector: to,
      }),
    ),
    ...(fallback ? [{ at: [...at, "fallback"], use: "fallback", selector: fallback } as const] : []),
    ...(mirror ? [{ at: [...at, "mirror"], use: "mirror", selector: mirror } as const] : []),
  ];
}
