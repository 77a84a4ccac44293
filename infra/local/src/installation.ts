import type { Home } from "./home.ts";
import { writeWhole } from "./home.ts";
import type { Plan } from "./plan.ts";
import { type NodeAt, nodesOf } from "./rig.ts";
import type { Secrets } from "./secrets.ts";
import { elbsOf } from "./specs.ts";

/** Where an installation answers. */
export type Installation = {
  home: string;
  commandUrl: string;
  queryUrl: string;
  /** What users' requests go to; routes are chosen by the Host header. */
  elbUrl: string;
  /** All load balancers, the first one first. */
  elbUrls: readonly string[];
  /** The file with these addresses and the admin's token, for the command line. */
  contextFile: string;
  nodes: readonly NodeAt[];
};

/** What a plan means to those who use it. */
export const installationOf = (home: Home, plan: Plan): Installation => ({
  home: home.path,
  commandUrl: `http://127.0.0.1:${plan.ports.command}`,
  queryUrl: `http://127.0.0.1:${plan.ports.query}`,
  elbUrl: `http://127.0.0.1:${plan.ports.elb}`,
  elbUrls: elbsOf(home, plan).map(({ port }) => `http://127.0.0.1:${port}`),
  contextFile: home.context,
  nodes: nodesOf(home, plan),
});

/** Lets the command line find the servers and the token. */
export function writeContext(home: Home, plan: Plan, secrets: Secrets): void {
  const { commandUrl, queryUrl, elbUrl } = installationOf(home, plan);
  const context = { commandUrl, queryUrl, elbUrl, token: secrets.adminToken };
  writeWhole(home.context, `${JSON.stringify(context, undefined, 2)}\n`);
}
