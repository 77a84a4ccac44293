import type { chargeKinds } from "@eru/events";

// Every expected no, as data. The texts are made in one table at the edge (problems.ts), where names can be offered.

/** Some of the names that stand in the way, and how many there are in all. */
export type Names = { shown: readonly string[]; total: number };

const shownMax = 5;

/** At most five names, in order, with the total. */
export const names = (all: Iterable<string>): Names => {
  const sorted = [...all].sort();
  return { shown: sorted.slice(0, shownMax), total: sorted.length };
};

/** Why a command is not accepted. `at` is the field of the command that is meant, when its name alone does not tell. */
export type Refusal = { at?: string } & Reason;

type Reason =
  | { code: "pod_unknown"; pod: string; removed: boolean }
  | { code: "pod_exists"; pod: string; description: string }
  | { code: "pod_has_nodes"; pod: string; nodes: Names }
  | { code: "pod_has_deployments"; pod: string; deployments: Names }
  | { code: "node_unknown"; node: string; removed: boolean }
  | { code: "node_exists"; node: string; pod: string; differs: "pod" | "labels" | "resources" }
  | { code: "drain_unknown"; node: string }
  | { code: "node_has_workloads"; node: string; workloads: Names }
  | { code: "node_still_occupied"; node: string; pod: string; workloads: Names }
  | { code: "node_in_other_pod"; node: string; pod: string; wanted: string }
  | { code: "app_unknown"; app: string; removed: boolean }
  | { code: "app_has_deployments"; app: string; deployments: Names }
  | { code: "app_has_routes"; app: string; hosts: Names }
  | { code: "app_without_release"; app: string }
  | { code: "appname_differs"; app: string; appname: string }
  | { code: "release_unknown"; app: string; release: string; known: Names }
  | { code: "release_exists"; app: string; release: string; differs: "image" | "gitSha" | "specText" }
  | { code: "entrypoint_unknown"; app: string; release?: string; entrypoint: string; known: Names }
  | {
      code: "port_not_published";
      app: string;
      entrypoint: string;
      port: number;
      published: readonly number[];
    }
  | { code: "nothing_published"; app: string; entrypoint: string }
  | { code: "deployment_unknown"; deployment: string; removed: boolean }
  | { code: "deployment_id_taken"; deployment: string }
  | { code: "per_node_too_many"; deployment: string; count: number; most: number }
  | { code: "workload_unknown"; workload: string; gone: boolean; there: Names }
  | { code: "workload_dissociated"; workload: string }
  | { code: "not_dissociated"; workload: string; there: Names }
  | { code: "adoption_without_deployment"; workload: string; deployment: string }
  | { code: "workload_leaving"; workload: string; there: Names }
  | { code: "no_rollout"; deployment: string; last?: number; ended?: "completed" | "rolled back" }
  | { code: "rollout_underway"; deployment: string; rollout: number; release: string; is: string }
  | { code: "rollout_goes_back"; deployment: string; rollout: number }
  | { code: "rollout_without_canary"; deployment: string; rollout: number }
  | { code: "nothing_to_roll_back"; deployment: string }
  | { code: "canary_too_large"; deployment: string; size: number; count: number }
  | { code: "settings_invalid"; message: string }
  | { code: "resources_contradict"; detail: string }
  | { code: "resources_missing"; missing: "cpu" | "memoryMib"; release: string; entrypoint: string }
  | { code: "route_unknown"; host: string }
  | { code: "quota_unknown"; quota: string }
  | {
      code: "quota_exceeded";
      quota: string;
      kind: (typeof chargeKinds)[number];
      limit: number;
      /** What other deployments wish, and this one: before, and with what is asked. */
      others: number;
      had: number;
      wants: number;
    }
  | { code: "route_changed"; host: string }
  | { code: "nothing_to_undo"; host: string; to: number; first: number }
  | { code: "host_owned"; host: string; owner: string | undefined; app: string | undefined }
  | { code: "route_staged"; host: string; elbs: Names }
  | { code: "route_not_staged"; host: string }
  | { code: "nobody_to_stage"; host: string; groups: Names }
  | { code: "elb_unknown"; elb: string; removed: boolean }
  | { code: "elb_last"; elb: string; group: string; hosts: Names }
  | { code: "elb_alive"; elb: string }
  | { code: "certificate_unknown"; certificate: string }
  | { code: "certificate_in_use"; certificate: string; hosts: Names }
  | { code: "certificate_other_hosts"; certificate: string; host: string; hosts: Names }
  | { code: "certificate_stored"; certificate: string }
  | { code: "acme_host_impossible"; host: string }
  | { code: "acme_unavailable"; host: string };
