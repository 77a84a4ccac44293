import {
  accept,
  type Canary,
  canarySize,
  countsPerNode,
  type Decision,
  type DecisionEvent,
  type DeploymentEvent,
  Entrypoint,
  type Resources,
  type RolloutSettings,
  refuse,
  type Strategy,
  type Template,
} from "@eru/events";
import type { App } from "./app.ts";
import type { Refusal } from "./refusal.ts";
import { same } from "./same.ts";
import { freeze } from "./template.ts";

/** What runs, and what each workload of it books. */
export type Content = { template: Template; resources: Resources };

/** A rollout that is not over. */
type Underway = {
  number: number;
  release: string;
  canary: Canary | undefined;
  promoted: boolean;
  paused: boolean;
  halted: boolean;
  /** It goes back to what ran before. */
  back: boolean;
};

/** What the rollouts of a deployment come down to. */
export type Rollouts = Content & {
  /** How many there were: the number of the last one. */
  rollouts: number;
  underway: Underway | undefined;
  /** How the last one ended. */
  ended: "completed" | "rolled back" | undefined;
  /** What was last rolled out in full. */
  stable: Content;
  /** What was stable before the last rollout that was completed, and that rollout. */
  before: (Content & { undoes: number }) | undefined;
};

type Upgrade = Extract<DeploymentEvent, { type: "UpgradeRequested" }>;
type Word = Extract<DeploymentEvent, { type: `Rollout${string}` }>;
type Stepped = Extract<DecisionEvent, { type: "RolloutStepped" }>;

/** Events that rollouts consist of: what users say, and what the scheduler made of it. */
export type RolloutEvent = Upgrade | Word | Stepped;

/** Commands about rollouts. */
export type RolloutCommand =
  | ({
      type: "UpgradeDeployment";
      deployment: string;
      /** Absent: as it is now; so are the other three. */
      release?: string | undefined;
      env?: Template["env"] | undefined;
      resources?: Resources | undefined;
      /** In place of what the release says. Absent: what was given before, within the same release. */
      settings?: Partial<Entrypoint> | undefined;
      /** Replace all workloads also when nothing differs. */
      force: boolean;
      /** Take the place of a rollout that is under way. */
      replace: boolean;
      /** The app of the deployment. */
      appState: App;
    } & RolloutSettings)
  | ({ type: "RollBackDeployment"; deployment: string; replace: boolean } & RolloutSettings)
  | { type: `${"Pause" | "Resume" | "Abort" | "Promote"}Rollout`; deployment: string };

/** A deployment before its first upgrade. */
export const noRollouts = (content: Content): Rollouts => ({
  ...content,
  rollouts: 0,
  underway: undefined,
  ended: undefined,
  stable: content,
  before: undefined,
});

/** The rollouts after one more event. */
export function evolveRollout(state: Rollouts, event: RolloutEvent): Rollouts {
  if (event.type === "UpgradeRequested") {
    const { template, resources = state.resources, canary } = event;
    const number = state.rollouts + 1;
    const flags = { promoted: false, paused: false, halted: false, back: false };
    const underway = { number, release: template.release, canary, ...flags };
    return { ...state, template, resources, rollouts: number, underway };
  }
  const { underway } = state;
  if (!underway || underway.number !== (event.rollout ?? state.rollouts)) return state;
  const now = (change: Partial<Underway>): Rollouts => ({ ...state, underway: { ...underway, ...change } });
  const back = { ...now({ back: true, paused: false, halted: false }), ...state.stable };
  switch (event.type) {
    case "RolloutPauseRequested":
      return underway.back ? state : now({ paused: true });
    case "RolloutResumeRequested":
      return now({ paused: false, halted: false });
    case "RolloutPromoteRequested":
      return now({ promoted: true });
    case "RolloutAbortRequested":
      return back;
    case "RolloutStepped":
      if (event.step === "rolling_back") return back;
      return underway.back === (event.back ?? false) ? step(state, underway, event) : state;
  }
}

function step(state: Rollouts, underway: Underway, { step: is }: Stepped): Rollouts {
  const { template, resources, stable } = state;
  if (is === "halted") return { ...state, underway: { ...underway, halted: true } };
  if (is === "rolled_back") return { ...state, underway: undefined, ended: "rolled back" };
  if (is !== "completed") return state;
  const before = { ...stable, undoes: underway.number };
  return { ...state, underway: undefined, ended: "completed", before, stable: { template, resources } };
}

type Live = Rollouts & { count: number; strategy: Strategy };

/** Decides a command about rollouts. */
export function decideRollout(state: Live, command: RolloutCommand): Decision<DeploymentEvent, Refusal> {
  if (command.type === "UpgradeDeployment") return upgrade(state, command);
  if (command.type === "RollBackDeployment") return rollBack(state, command);
  const { underway } = state;
  const { deployment } = command;
  if (!underway) return refuse(noRollout(state, deployment));
  const about = { deployment, rollout: underway.number };
  if (command.type === "AbortRollout")
    return underway.back && !underway.halted ? accept() : accept({ type: "RolloutAbortRequested", ...about });
  if (command.type === "ResumeRollout")
    return underway.paused || underway.halted
      ? accept({ type: "RolloutResumeRequested", ...about })
      : accept();
  if (underway.back) return refuse({ code: "rollout_goes_back", ...about });
  if (command.type === "PauseRollout")
    return underway.paused ? accept() : accept({ type: "RolloutPauseRequested", ...about });
  if (!underway.canary) return refuse({ code: "rollout_without_canary", ...about });
  return underway.promoted ? accept() : accept({ type: "RolloutPromoteRequested", ...about });
}

const noRollout = ({ rollouts, ended }: Rollouts, deployment: string): Refusal => ({
  code: "no_rollout",
  deployment,
  ...(rollouts > 0 && { last: rollouts }),
  ...(ended && { ended }),
});

type UpgradeCommand = Extract<RolloutCommand, { type: "UpgradeDeployment" }>;

/** The upgrade in full, as it is recorded and as a dry run asks it; no event when it is so already. */
function upgrade(state: Live, command: UpgradeCommand): Decision<Upgrade, Refusal> {
  const { deployment, force, replace } = command;
  const content = contentOf(state, command);
  if (!content.ok) return content;
  const { template, resources } = content;
  const { underway } = state;
  // On its way already. What halted on the same content is worth another try.
  const asWished = same({ template, resources }, { template: state.template, resources: state.resources });
  if (asWished && !force && !underway?.halted) return accept();
  return begin(
    state,
    command,
    {
      type: "UpgradeRequested",
      deployment,
      template,
      ...(!same(resources, state.resources) && { resources }),
      ...settingsOf(command),
    },
    replace,
  );
}

function rollBack(
  state: Live,
  command: Extract<RolloutCommand, { type: "RollBackDeployment" }>,
): Decision<Upgrade, Refusal> {
  const { deployment, replace } = command;
  if (!state.before) return refuse({ code: "nothing_to_roll_back", deployment });
  const { template, resources, undoes } = state.before;
  const event: Upgrade = {
    type: "UpgradeRequested",
    deployment,
    template,
    ...(!same(resources, state.resources) && { resources }),
    ...settingsOf(command),
    undoes,
  };
  return begin(state, command, event, replace);
}

/** One at a time: a second upgrade is refused until the first is over, halted, or to be replaced. */
function begin(
  state: Live,
  { canary }: RolloutSettings,
  event: Upgrade,
  replace: boolean,
): Decision<Upgrade, Refusal> {
  const { deployment } = event;
  const { underway, count, strategy } = state;
  if (underway && !underway.halted && !replace) {
    const is = underway.back ? "goes back" : underway.paused ? "is paused" : "is under way";
    const { number: rollout, release } = underway;
    return refuse({ code: "rollout_underway", deployment, rollout, release, is });
  }
  // On how many nodes there are so many is the scheduler's to know.
  const size = canary && !countsPerNode(strategy) ? canarySize(canary, count) : undefined;
  if (size !== undefined && size >= count)
    return refuse({ code: "canary_too_large", deployment, size, count });
  return accept(event);
}

const settingsOf = ({ surge, batch, order, healthDeadlineMs, onFailure, canary }: RolloutSettings) => ({
  surge,
  ...(batch !== undefined && { batch }),
  ...(order !== undefined && { order }),
  ...(healthDeadlineMs !== undefined && { healthDeadlineMs }),
  ...(onFailure !== undefined && { onFailure }),
  ...(canary !== undefined && { canary }),
});

type Found = ({ ok: true } & Content) | { ok: false; refusal: Refusal };

function contentOf(state: Rollouts, command: UpgradeCommand): Found {
  const { app, release: current, entrypointName } = state.template;
  const { appState, env = state.template.env, resources = state.resources, settings } = command;
  const release = command.release ?? current;
  const frozen = freeze(appState, { app, release, entrypoint: entrypointName, env });
  if (!frozen.ok) return frozen;
  // Without a word, settings given before stay within their release.
  if (!settings && release === current)
    return { ok: true, template: { ...frozen.template, entrypoint: state.template.entrypoint }, resources };
  const entrypoint = Entrypoint.safeParse({ ...frozen.template.entrypoint, ...settings });
  if (entrypoint.success)
    return { ok: true, template: { ...frozen.template, entrypoint: entrypoint.data }, resources };
  const [fault] = entrypoint.error.issues;
  const at = ["settings", ...(fault?.path ?? [])].join(".");
  return refuse({ code: "settings_invalid", message: fault?.message ?? "not valid", at });
}
