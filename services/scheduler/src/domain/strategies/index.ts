import type { Strategy } from "@eru/events";
import { auto } from "./auto.ts";
import type { Rule } from "./candidate.ts";
import { drained } from "./drained.ts";
import { each } from "./each.ts";
import { fill } from "./fill.ts";
import { global } from "./global.ts";
import { pack } from "./pack.ts";
import type { PerNodeRule } from "./per-node.ts";

/** The rules of the strategies that put a set of workloads on each node. */
export const perNodeRules = { fill, each } satisfies Partial<Record<Strategy, PerNodeRule>>;

/** The rules of the strategies that share out a number. */
export const sharingRules = { auto, global, drained, pack } satisfies Partial<Record<Strategy, Rule>>;

/** The rule of each strategy. */
export const rules: Readonly<Record<Strategy, Rule | PerNodeRule>> = { ...sharingRules, ...perNodeRules };
