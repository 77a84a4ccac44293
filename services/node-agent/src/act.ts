import { AppError } from "@eru/events";
import type { Outcome } from "./domain/agent.ts";
import type { Action } from "./domain/reconcile.ts";
import {
  type Engine,
  EngineRefusedError,
  EngineTimeoutError,
  EngineUnreachableError,
  ImageMissingError,
} from "./engine.ts";

/** Does one action at the engine and says what became of it. Throws only for bugs. */
export async function act(engine: Engine, action: Action): Promise<Outcome> {
  try {
    return { is: "done", containers: await perform(engine, action) };
  } catch (error) {
    if (error instanceof ImageMissingError) return { is: "image_missing", error: error.message };
    if (error instanceof EngineRefusedError) return { is: "refused", error: error.message };
    if (error instanceof EngineUnreachableError) return { is: "unknown" };
    // A step that hangs while the engine answers others is that step's failure.
    if (error instanceof EngineTimeoutError)
      return (await answers(engine)) ? { is: "refused", error: error.message } : { is: "unknown" };
    throw error;
  }
}

/** The containers after the action: all that were asked for by a look, else the one it was about, if it is still there. */
async function perform(engine: Engine, action: Action) {
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
    case "stop":
      await engine.stop(action.containerId, action.graceSeconds);
      return await inspected(engine, action.containerId);
    case "remove":
      await engine.remove(action.containerId);
      return [];
  }
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
