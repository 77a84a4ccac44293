import type { AppSpec } from "@eru/events";

/** A field of an app.yaml with a value that contradicts another field. */
export type Contradiction = { path: readonly (string | number)[]; message: string };

/**
 * Health checks of ports that their entrypoint does not publish: nobody could reach what they say is healthy. Not part of
 * the schema, because releases from before this was refused stay readable.
 */
export function unpublishedChecks({ entrypoints }: AppSpec): Contradiction[] {
  return Object.entries(entrypoints).flatMap(([name, { healthcheck, publish }]) => {
    if (!healthcheck) return [];
    const at = ["entrypoints", name, "healthcheck"];
    const checked = healthcheck.tcpPorts.map((port, index) => ({ port, path: [...at, "tcpPorts", index] }));
    const asked = healthcheck.http
      ? [...checked, { port: healthcheck.http.port, path: [...at, "http", "port"] }]
      : checked;
    const published = publish.length === 0 ? "none" : publish.join(", ");
    return asked
      .filter(({ port }) => !publish.includes(port))
      .map(({ port, path }) => ({
        path,
        message: `port ${port} is not published (published: ${published}): add it to \`publish\` of ${name}, or check a published one`,
      }));
  });
}
