import { AppError, type CommandResult } from "@eru/events";
import { runCommand } from "./command.ts";
import { isTakenElsewhere } from "./domain/discard.ts";
import type { HookAction } from "./domain/hooks.ts";
import type { Action } from "./domain/reconcile.ts";
import type { FilesToCopy } from "./domain/take-over.ts";
import type { Outcome } from "./domain/work.ts";
import {
  type Engine,
  EngineRefusedError,
  EngineTimeoutError,
  EngineUnreachableError,
  ImageMissingError,
  NotCopiedError,
} from "./engine.ts";

/** Does one action at the engine and says what became of it. Throws only for bugs. */
export async function act(engine: Engine, action: Action): Promise<Outcome> {
  try {
    if (action.do === "hook") return await runHook(engine, action);
    if (action.do === "start" && action.copy) await copyFiles(engine, action.copy, action.containerId);
    return { is: "done", containers: await perform(engine, action) };
  } catch (error) {
    if (error instanceof ImageMissingError) return { is: "image_missing", error: error.message };
    if (error instanceof NotCopiedError) return { is: "refused", error: error.message, final: true };
    if (action.do === "start" && action.fresh && error instanceof EngineRefusedError)
      return await takenElsewhere(engine, action.containerId, error.message);
    if (error instanceof EngineRefusedError) return { is: "refused", error: error.message };
    if (error instanceof EngineUnreachableError) return { is: "unknown" };
    // A step that hangs while the engine answers others is that step's failure.
    if (error instanceof EngineTimeoutError)
      return (await answers(engine)) ? { is: "refused", error: error.message } : { is: "unknown" };
    throw error;
  }
}

/** The containers after the action: all that were asked for by a look, else the one it was about, if it is still there. */
async function perform(engine: Engine, action: Exclude<Action, HookAction>) {
  switch (action.do) {
    case "look": {
      const seen = await Promise.all(action.refs.map((ref) => engine.inspect(ref)));
      return [...new Map(seen.flatMap((one) => (one ? [[one.id, one] as const] : []))).values()];
    }
    case "pull":
      await engine.pull(action.image);
      return [];
    case "create":
      return [await engine.create(action.spec)];
    case "start":
      await engine.start(action.containerId);
      return await inspected(engine, action.containerId);
    case "update":
      await engine.update(action.containerId, { CpusetCpus: action.cpus });
      return await inspected(engine, action.containerId);
    case "realloc":
      await engine.update(action.containerId, action.amounts);
      return await inspected(engine, action.containerId);
    case "stop":
      await engine.stop(action.containerId, action.graceSeconds);
      return await inspected(engine, action.containerId);
    case "remove":
      await engine.remove(action.containerId);
      return [];
  }
}

/** A container keeps the ports and the address it was made with: where those are taken a new one is of no use. */
async function takenElsewhere(engine: Engine, id: string, error: string): Promise<Outcome> {
  if (!isTakenElsewhere(error)) return { is: "refused", error };
  return await act(engine, { do: "remove", workload: "", containerId: id }).then((outcome) =>
    outcome.is === "done" ? { is: "taken_elsewhere", error } : outcome,
  );
}

/** All or nothing: who asked for files cannot do without them. */
async function copyFiles(engine: Engine, { source, files }: FilesToCopy, target: string): Promise<void> {
  let left = copiedBytesMax;
  for (const { from, to } of files)
    left -= await engine.copy({ id: source, path: from }, { id: target, path: to }, left);
}

/** Most that one container takes over from another, with what a tar archive adds: 256 MiB. */
const copiedBytesMax = 256 * 1024 * 1024;

/**
 * Runs the commands of a hook in order; one that must succeed and does not is the last. A container that ended meanwhile
 * says so itself: then nothing is said about the hook.
 */
async function runHook(engine: Engine, action: HookAction): Promise<Outcome> {
  const ran: CommandResult[] = [];
  for (const command of action.commands) {
    const result = await runCommand(engine, action.containerId, command, action.timeoutMs);
    const containers = await inspected(engine, action.containerId);
    if (containers[0]?.state !== "running") return { is: "done", containers };
    ran.push(result);
    if (action.force && result.exitCode !== 0) break;
  }
  return { is: "ran", ran, containers: await inspected(engine, action.containerId) };
}

async function inspected(engine: Engine, id: string) {
  const container = await engine.inspect(id);
  return container ? [container] : [];
}

const answers = async (engine: Engine): Promise<boolean> =>
  await engine.ping().then(
    () => true,
    (error: unknown) => {
      if (error instanceof AppError) return false;
      throw error;
    },
  );
