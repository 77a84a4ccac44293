import type { HookName, Hooks } from "@eru/events";
import type { OwnContainer } from "./container.ts";
import type { Assigned } from "./desired.ts";
import type { Known } from "./known.ts";

/** Commands to be run in a container at a moment of its life. */
export type HookAction = {
  do: "hook";
  workload: string;
  containerId: string;
  hook: HookName;
  commands: readonly (readonly string[])[];
  force: boolean;
  timeoutMs: number;
};

/** A before-stop hook that must succeed is tried so often; then the container is stopped all the same. */
const stopTriesMax = 5;

const action = (
  { afterStart, beforeStop, force, timeoutMs }: Hooks,
  { hook, ignore, ...of }: Pick<HookAction, "hook" | "workload" | "containerId"> & { ignore: boolean },
): HookAction => {
  const commands = hook === "after_start" ? afterStart : beforeStop;
  return { do: "hook", ...of, hook, commands, force: force && !ignore, timeoutMs };
};

/** The after-start hook of a running container, while it is not over: nothing reaches the workload before. */
export function dueAfterStart(
  { workload, template, ignoreHooks: ignore = false }: Assigned,
  known: Known,
  kept: OwnContainer,
): HookAction | undefined {
  const { hooks } = template.entrypoint;
  if (!hooks || hooks.afterStart.length === 0 || known.hookedAttempt === known.attempt) return undefined;
  return action(hooks, { hook: "after_start", workload, containerId: kept.id, ignore });
}

/** The before-stop hook of a container that shall stop. It is written on the container: whoever stops it finds it there. */
export function dueBeforeStop(
  { workload, hooks, id: containerId }: OwnContainer,
  known: Known | undefined,
  ignore = false,
): HookAction | undefined {
  if (!hooks || hooks.beforeStop.length === 0) return undefined;
  const run = known?.stopHook?.containerId === containerId ? known.stopHook : undefined;
  if (run && (run.ok || !hooks.force || ignore || run.tries >= stopTriesMax)) return undefined;
  return action(hooks, { hook: "before_stop", workload, containerId, ignore });
}
