import type { Strategy } from "@eru/events";
import { auto } from "./auto.ts";
import type { Rule } from "./candidate.ts";
import { drained } from "./drained.ts";
import { global } from "./global.ts";

/** The rule of each strategy. */
export const rules: Readonly<Record<Strategy, Rule>> = { auto, global, drained };
