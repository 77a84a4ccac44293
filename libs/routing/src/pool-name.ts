import type { Selector } from "@eru/events";

/**
 * The name of the pool a selector means: `<app>/<entrypoint>[@pod][:port][=release][~stable|~canary]`. Selectors that
 * mean the same share it.
 */
export function poolName({ app, entrypoint, pod, port, release, track }: Selector): string {
  const part = (sign: string, value: string | number | undefined) =>
    value === undefined ? "" : `${sign}${value}`;
  return `${app}/${entrypoint}${part("@", pod)}${part(":", port)}${part("=", release)}${part("~", track)}`;
}
