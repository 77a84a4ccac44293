import {
  Canary,
  DeploymentId,
  Entrypoint,
  Env,
  ReleaseName,
  Resources,
  RolloutSettings,
  rolloutStepMax,
  UpgradePlanExpectation,
  UpgradePlanReply,
} from "@eru/events";
import type { Live } from "@eru/log";
import { z } from "zod";
import { upgradeDifference } from "../domain/change-difference.ts";
import { deployment as decider } from "../domain/deployment.ts";
import type { RolloutCommand } from "../domain/rollout.ts";
import { NotCaughtUpError } from "../handle.ts";
import type { Intent } from "../intent.ts";
import { problemOf } from "../problems.ts";
import { asExpected } from "./as-expected.ts";
import { askScheduler } from "./ask-scheduler.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";
import { change } from "./deployment.ts";
import { flag } from "./flag.ts";

const { healthDeadlineMs, onFailure, order } = RolloutSettings.shape;
const settings = {
  surge: z
    .int("surge is a whole number")
    .min(0)
    .max(rolloutStepMax)
    .optional()
    .describe("How many more than wished may run at once. Absent: as `batch`, or 1; 0 with stop-first."),
  batch: z
    .int("batch is a whole number")
    .min(1, "batch is at least 1: with none at a time nothing would ever be replaced")
    .max(rolloutStepMax)
    .optional()
    .describe("How many are replaced at a time. Absent: as `surge`, or 1."),
  order: order.describe(
    "start-first (when absent): the new one serves before the old one goes; stop-first: the other way round.",
  ),
  healthDeadlineMs: healthDeadlineMs.describe(
    "Milliseconds each new workload may take until it is healthy. Absent: five minutes, or what the scheduler was told.",
  ),
  onFailure: onFailure.describe(
    "rollback (when absent): back to what ran before; halt: stop where it is and wait for a word.",
  ),
  canary: Canary.optional().describe(
    "So many first, as a number or a percentage; then it waits for promote or abort.",
  ),
};

type Given = z.output<z.ZodObject<typeof settings>>;

/** A body with settings that go together. */
const withSettings = <S extends z.ZodRawShape>(shape: S) =>
  z.strictObject({ ...shape, ...settings }).superRefine((body, { addIssue }) => {
    const { surge, order } = body as Given;
    const fault = (message: string) => addIssue({ code: "custom", path: ["surge"], message, input: surge });
    if (order === "stop-first" && surge)
      fault("stop-first never runs more than wished: leave `surge` out and give `batch`");
    if (order !== "stop-first" && surge === 0)
      fault("start-first needs room for one more: a surge of 1 or more, or the order stop-first");
  });

/** The settings in full. */
function inFull({
  surge,
  batch,
  order = "start-first",
  onFailure = "rollback",
  ...more
}: Given): RolloutSettings {
  const together = order === "stop-first" ? { surge: 0, batch: batch ?? 1 } : bothOf(surge, batch);
  return { ...more, order, onFailure, ...together };
}

const bothOf = (surge: number | undefined, batch: number | undefined) => ({
  surge: surge ?? batch ?? 1,
  batch: batch ?? surge ?? 1,
});

/** A field of the entrypoint, for once without what it would be by default: what is not named is not changed. */
const bare = (field: z.ZodType): z.ZodType =>
  field instanceof z.ZodDefault || field instanceof z.ZodPrefault ? (field.unwrap() as z.ZodType) : field;
const EntrypointSettings = z.strictObject(
  Object.fromEntries(Object.entries(Entrypoint.shape).map(([name, field]) => [name, bare(field).optional()])),
);

const replace = z
  .boolean()
  .default(false)
  .describe("Take the place of a rollout that is under way, and go on from what runs.");
const Upgrade = withSettings({
  release: ReleaseName.optional().describe("Absent: the one it has."),
  env: Env.optional().describe("The whole environment. Absent: as it is now."),
  resources: Resources.optional().describe("What each workload books. Absent: as it is now."),
  settings: EntrypointSettings.optional().describe(
    "Settings of the entrypoint in place of the release's. Absent: the release's, or those given before for the same release.",
  ),
  force: z.boolean().default(false).describe("Replace all workloads also when nothing differs."),
  replace,
  expect: UpgradePlanExpectation.optional().describe(
    "Of a dry run's answer: refused with the difference when it would go otherwise now.",
  ),
});
const Rollback = withSettings({ replace });
const tag = "rollouts";
const params = z.strictObject({ deployment: DeploymentId });
const ids = { deployment: DeploymentId };

/** Commands about rollouts, and the dry run of one. */
export function rolloutRoutes(deps: RouteDeps, live: Live): void {
  commandRoute(deps, {
    name: "UpgradeDeployment",
    method: "POST",
    url: "/v1/deployments/:deployment/upgrade",
    tag,
    summary: "Replace a deployment's workloads by another release, environment, size or entrypoint",
    description:
      "Begins a rollout: nothing is taken away before its replacement carries traffic, unless the order is stop-first. What would change nothing is accepted and recorded nowhere, unless `force`. While another rollout is under way it is refused, unless `replace`. With `dryRun` nothing is recorded: the scheduler answers what it would do first, and why it may cost requests.",
    params,
    query: z.strictObject({ dryRun: flag }),
    body: Upgrade,
    ids,
    command: async ({ params: { deployment }, body, commandId }) => {
      await asExpected(deps, commandId, {
        expected: body.expect,
        ask: () => plan(deps, live, deployment, body),
        difference: upgradeDifference,
      });
      return change(deployment, (intent) => upgradeOf(deployment, body, intent));
    },
    instead: {
      answer: UpgradePlanReply,
      when: ({ params: { deployment }, body, query }) =>
        query.dryRun ? plan(deps, live, deployment, body) : undefined,
    },
  });
  commandRoute(deps, {
    name: "RollBackDeployment",
    method: "POST",
    url: "/v1/deployments/:deployment/rollback",
    tag,
    summary: "Undo the last completed rollout",
    description:
      "A new rollout to what ran before it: release, environment, resources and settings. Done twice it is redone. A rollout under way is aborted instead.",
    params,
    body: Rollback.prefault({}),
    ids,
    command: ({ params: { deployment }, body: { replace, ...given } }) =>
      change(deployment, () => ({ type: "RollBackDeployment", deployment, replace, ...inFull(given) })),
  });
  wordRoutes(deps);
}

const words = {
  Pause: "Nothing more is placed or taken away by it, and no health deadline counts; the count is kept.",
  Resume: "Goes on after a pause; after a failure that halted it, tries again.",
  Abort:
    "Goes back to what ran before, in the same steps: nothing is taken away before what ran before serves again.",
  Promote: "The canary is good: the rest is replaced, too.",
} as const;

function wordRoutes(deps: RouteDeps): void {
  for (const word of ["Pause", "Resume", "Abort", "Promote"] as const)
    commandRoute(deps, {
      name: `${word}Rollout`,
      method: "POST",
      url: `/v1/deployments/:deployment/rollout/${word.toLowerCase()}`,
      tag,
      summary: `${word} the rollout that is under way`,
      description: words[word],
      params,
      body: z.strictObject({}).optional(),
      ids,
      command: ({ params: { deployment } }) =>
        change(deployment, () => ({ type: `${word}Rollout`, deployment })),
    });
}

type UpgradeBody = z.output<typeof Upgrade>;

function upgradeOf(
  deployment: string,
  { release, env, resources, settings, force, replace, expect: _, ...given }: UpgradeBody,
  intent: Intent,
): Extract<RolloutCommand, { type: "UpgradeDeployment" }> {
  const state = intent.deployments.get(deployment);
  const app = state.phase === "live" ? state.template.app : "";
  return {
    type: "UpgradeDeployment",
    deployment,
    ...{ release, env, resources, force, replace },
    // Each field was parsed by the entrypoint's own schema.
    settings: settings as Partial<Entrypoint> | undefined,
    ...inFull(given),
    appState: intent.apps.get(app),
  };
}

/** Asks the scheduler what it would do first; refused like the command itself when it could not be recorded. */
async function plan(
  deps: RouteDeps,
  live: Live,
  deployment: string,
  body: UpgradeBody,
): Promise<UpgradePlanReply> {
  const { follower } = deps.handling;
  if (!follower.caughtUp) throw new NotCaughtUpError(follower.position);
  // Also for what is so already it can be said how it would go.
  const decide = () => {
    const command = { ...upgradeOf(deployment, body, follower.intent), force: true };
    return decider.decide(follower.intent.deployments.get(deployment), command);
  };
  let decided = decide();
  if (!decided.ok) {
    await follower.catchUp();
    decided = decide();
    if (!decided.ok) throw problemOf(decided.refusal, follower.intent);
  }
  const [event] = decided.events;
  const state = follower.intent.deployments.get(deployment);
  if (event?.type !== "UpgradeRequested" || state.phase !== "live")
    throw new Error(`the dry run of ${deployment} decided something else`);
  const { type: _, deployment: upgrade, undoes: __, resources = state.resources, ...asked } = event;
  return await askScheduler(live, {
    asked: { upgrade, resources, ...asked },
    answer: UpgradePlanReply,
    timeoutMs: deps.limits.planTimeoutMs,
  });
}
