import { Entrypoint, type Template } from "@eru/events";
import type { Container } from "../../services/node-agent/src/domain/container.ts";

/** Releases by what is wrong with them. */
export const releases = ["good-1", "good-2", "good-3", "crashing", "sick", "missing"] as const;
export type Release = (typeof releases)[number];

export const apps = ["shop", "blog"] as const;
/** Requests come in for this one only. */
export const routedApp = "shop";

/** Images there are; no registry has the image of `missing`. */
export const images = apps.flatMap((app) =>
  releases.filter((release) => release !== "missing").map((release) => `${app}:${release}`),
);

export const isGood = (release: string): boolean => release.startsWith("good");

export const template = (app: string, release: Release): Template => ({
  app,
  release,
  entrypointName: "web",
  image: `${app}:${release}`,
  entrypoint: Entrypoint.parse({
    publish: [8080],
    restart: { policy: "always", retriesMax: 1 },
    graceSeconds: 1,
    healthcheck: { http: { port: 8080 }, intervalMs: 500, startPeriodMs: 1_000 },
  }),
  env: {},
});

/** What the processes of a container do. */
export function behaviourOf({ labels }: Container): { crashes: boolean; sick: boolean } {
  const release = labels["eru.release"];
  return { crashes: release === "crashing", sick: release === "sick" };
}
