import type { Refusal } from "./domain/refusal.ts";
import type { Row } from "./refusals.ts";

type Code =
  | "no_rollout"
  | "rollout_underway"
  | "rollout_goes_back"
  | "rollout_without_canary"
  | "nothing_to_roll_back"
  | "canary_too_large"
  | "settings_invalid";

const about = {
  status: 409,
  field: "deployment",
  value: (r: Refusal & { deployment: string }) => r.deployment,
} as const;

/** What is answered to refusals about rollouts. */
export const rolloutRows: { readonly [C in Code]: Row<C> } = {
  no_rollout: {
    ...about,
    say: ({ deployment, last, ended }) =>
      last === undefined
        ? `no rollout of \`${deployment}\` is under way, and there never was one: begin one with POST /v1/deployments/${deployment}/upgrade`
        : `no rollout of \`${deployment}\` is under way: rollout ${last} ${ended === "completed" ? `is completed; undo it with POST /v1/deployments/${deployment}/rollback` : `is over (${ended ?? "superseded"}); begin another one with POST /v1/deployments/${deployment}/upgrade`}`,
  },
  rollout_underway: {
    ...about,
    say: ({ deployment, rollout, release, is }) =>
      `rollout ${rollout} of \`${deployment}\`, to release \`${release}\`, ${is}: wait for its end, abort it with POST /v1/deployments/${deployment}/rollout/abort, or send this with \`replace: true\` to take its place`,
  },
  rollout_goes_back: {
    ...about,
    say: ({ deployment, rollout }) =>
      `rollout ${rollout} of \`${deployment}\` goes back to what ran before: wait for its end, or upgrade with \`replace: true\``,
  },
  rollout_without_canary: {
    ...about,
    say: ({ deployment, rollout }) =>
      `rollout ${rollout} of \`${deployment}\` has no canary, it goes on by itself: pause it with POST /v1/deployments/${deployment}/rollout/pause, or give \`canary\` with an upgrade`,
  },
  nothing_to_roll_back: {
    ...about,
    say: ({ deployment }) =>
      `no rollout of \`${deployment}\` was ever completed, so there is nothing to go back to: abort one that is under way with POST /v1/deployments/${deployment}/rollout/abort`,
  },
  canary_too_large: {
    status: 422,
    field: "canary",
    value: ({ size }) => size,
    say: ({ deployment, size, count }) =>
      `a canary of ${size} is all of the ${count} workloads of \`${deployment}\`: make it smaller, or upgrade without one`,
  },
  settings_invalid: {
    status: 422,
    field: "settings",
    value: () => undefined,
    say: ({ message }) => `it cannot be like this: ${message}`,
  },
};
