import type { FieldFault } from "@eru/service";
import type { Names, Refusal } from "./domain/refusal.ts";
import { elbRows } from "./elb-refusals.ts";
import type { Intent } from "./intent.ts";
import { quotaRows } from "./quota-refusals.ts";
import { rolloutRows } from "./rollout-refusals.ts";

// The one table from refusals to answers. Unknown thing 404, contradiction 409, everything else 422.

/** How a refusal is answered. */
export type Row<C extends Refusal["code"]> = {
  status: 404 | 409 | 422;
  /** The field of the request that is meant; absent: what its path names. */
  field: string;
  value: (refusal: Extract<Refusal, { code: C }>) => unknown;
  /** What is so, with names, and what to do. */
  say: (refusal: Extract<Refusal, { code: C }>, intent: Intent) => string;
};

/** Names offered instead of an unknown one; more are not short any more. */
const offeredMax = 8;

const list = ({ shown, total }: Names): string =>
  total > shown.length ? `${shown.join(", ")} and ${total - shown.length} more` : shown.join(", ");

/** The names of what is there, when they are few; how to get some, when there are none. */
function offered(plural: string, states: Iterable<[string, { phase: string }]>, none: string): string {
  const there: string[] = [];
  for (const [name, { phase }] of states) if (phase !== "removed" && phase !== "absent") there.push(name);
  if (there.length === 0) return `there are no ${plural} yet: ${none}`;
  if (there.length > offeredMax) return `there are ${there.length} ${plural}: list them to find its name`;
  return `${plural}: ${there.sort().join(", ")}`;
}

const quoted = (name: string): string => `\`${name}\``;
const gone = (removed: boolean): string => (removed ? " any more: it was removed" : "");

const pods: Pick<Row<"pod_unknown">, "status" | "field" | "value" | "say"> = {
  status: 404,
  field: "pod",
  value: (r) => r.pod,
  say: (r, intent) =>
    `there is no pod ${quoted(r.pod)}${gone(r.removed)}; ${offered("pods", intent.pods, "add one with POST /v1/pods")}`,
};

const rows: { readonly [C in Refusal["code"]]: Row<C> } = {
  pod_unknown: pods,
  pod_exists: {
    status: 409,
    field: "description",
    value: () => undefined,
    say: (r) =>
      `there is a pod ${quoted(r.pod)} already, described as ${JSON.stringify(r.description)}: use it, or choose another name`,
  },
  pod_has_nodes: {
    status: 409,
    field: "pod",
    value: (r) => r.pod,
    say: (r) => `pod ${quoted(r.pod)} still has nodes: remove ${list(r.nodes)} first`,
  },
  pod_has_deployments: {
    status: 409,
    field: "pod",
    value: (r) => r.pod,
    say: (r) => `pod ${quoted(r.pod)} still has deployments: remove ${list(r.deployments)} first`,
  },
  node_unknown: {
    status: 404,
    field: "node",
    value: (r) => r.node,
    say: (r, intent) =>
      `there is no node ${quoted(r.node)}${gone(r.removed)}; ${offered("nodes", intent.nodes, "add one with POST /v1/nodes")}`,
  },
  node_exists: {
    status: 409,
    field: "name",
    value: (r) => r.node,
    say: (r) =>
      r.differs === "pod"
        ? `node ${quoted(r.node)} is in pod ${quoted(r.pod)}: a node changes its pod only by being removed and added again`
        : `node ${quoted(r.node)} is in pod ${quoted(r.pod)} with other ${r.differs}: change them with PUT /v1/nodes/${r.node}/${r.differs}`,
  },
  drain_unknown: {
    status: 409,
    field: "node",
    value: (r) => r.node,
    say: (r) => `node ${quoted(r.node)} is not being drained: begin with POST /v1/nodes/${r.node}/drain`,
  },
  node_has_workloads: {
    status: 409,
    field: "node",
    value: (r) => r.node,
    say: (r) =>
      `node ${quoted(r.node)} still has workloads (${list(r.workloads)}): drain it with POST /v1/nodes/${r.node}/drain, or add ?force=true when the machine is gone for good`,
  },
  node_still_occupied: {
    status: 409,
    field: "pod",
    value: (r) => r.node,
    say: (r) =>
      `node ${quoted(r.node)} was in pod ${quoted(r.pod)} and its workloads there (${list(r.workloads)}) never ended: add it to ${quoted(r.pod)} again, or use another node name`,
  },
  node_in_other_pod: {
    status: 409,
    field: "node",
    value: (r) => r.node,
    say: (r) =>
      `node ${quoted(r.node)} is in pod ${quoted(r.pod)}, the deployment is for pod ${quoted(r.wanted)}: leave it out, or deploy to ${quoted(r.pod)}`,
  },
  app_unknown: {
    status: 404,
    field: "app",
    value: (r) => r.app,
    say: (r, intent) =>
      `there is no app ${quoted(r.app)}${gone(r.removed)}; ${offered("apps", intent.apps, "register one with POST /v1/apps")}`,
  },
  app_has_deployments: {
    status: 409,
    field: "app",
    value: (r) => r.app,
    say: (r) => `app ${quoted(r.app)} still has deployments: remove ${list(r.deployments)} first`,
  },
  app_has_routes: {
    status: 409,
    field: "app",
    value: (r) => r.app,
    say: (r) => `routes still point at app ${quoted(r.app)}: remove or change ${list(r.hosts)} first`,
  },
  app_without_release: {
    status: 409,
    field: "app",
    value: (r) => r.app,
    say: (r) => `app ${quoted(r.app)} has no release yet: register one with POST /v1/apps/${r.app}/releases`,
  },
  appname_differs: {
    status: 422,
    field: "specText",
    value: (r) => r.appname,
    say: (r) =>
      `the app.yaml is for app ${quoted(r.appname)}, the release for ${quoted(r.app)}: correct \`appname\`, or register it there`,
  },
  release_unknown: {
    status: 404,
    field: "release",
    value: (r) => r.release,
    say: (r) => `app ${quoted(r.app)} has no release ${quoted(r.release)}; it has ${list(r.known) || "none"}`,
  },
  release_exists: {
    status: 409,
    field: "release",
    value: (r) => r.release,
    say: (r) =>
      `release ${quoted(r.release)} of app ${quoted(r.app)} is registered with another ${r.differs}: a release never changes, choose another name`,
  },
  entrypoint_unknown: {
    status: 404,
    field: "entrypoint",
    value: (r) => r.entrypoint,
    say: (r) =>
      `${r.release === undefined ? "no" : `release ${quoted(r.release)} has no`} entrypoint ${quoted(r.entrypoint)} of app ${quoted(r.app)}${r.release === undefined ? " in any release" : ""}; there is ${list(r.known)}`,
  },
  port_not_published: {
    status: 422,
    field: "port",
    value: (r) => r.port,
    say: (r) =>
      `entrypoint ${quoted(r.entrypoint)} of app ${quoted(r.app)} does not publish port ${r.port}, but ${r.published.join(", ")}`,
  },
  nothing_published: {
    status: 422,
    field: "entrypoint",
    value: (r) => r.entrypoint,
    say: (r) =>
      `entrypoint ${quoted(r.entrypoint)} of app ${quoted(r.app)} publishes no port in any release: add \`publish\` to its app.yaml and register a release`,
  },
  deployment_unknown: {
    status: 404,
    field: "deployment",
    value: (r) => r.deployment,
    say: (r, intent) =>
      `there is no deployment ${quoted(r.deployment)}${gone(r.removed)}; ${offered("deployments", intent.deployments, "make one with POST /v1/deployments")}`,
  },
  deployment_id_taken: {
    status: 409,
    field: "entrypoint",
    value: (r) => r.deployment,
    say: (r) =>
      `the id made for this deployment, ${quoted(r.deployment)}, is taken by another one: send it again under another Idempotency-Key`,
  },
  per_node_too_many: {
    status: 422,
    field: "count",
    value: (r) => r.count,
    say: (r) =>
      `deployment ${quoted(r.deployment)} counts per node: at most ${r.most} workloads on each; ask for fewer`,
  },
  workload_unknown: {
    status: 404,
    field: "workload",
    value: (r) => r.workload,
    say: (r) =>
      `there is no workload ${quoted(r.workload)}${r.gone ? " any more: it is gone" : ""}; its deployment has ${list(r.there) || "none"}`,
  },
  workload_leaving: {
    status: 409,
    field: "workload",
    value: (r) => r.workload,
    say: (r) =>
      `workload ${quoted(r.workload)} is being removed and cannot be changed any more; its deployment has ${list(r.there)}`,
  },
  workload_dissociated: {
    status: 409,
    field: "workload",
    value: (r) => r.workload,
    say: (r) =>
      `workload ${quoted(r.workload)} is dissociated: its container runs on, and Eru does not look after it; adopt it first with POST /v1/workloads/${r.workload}/adopt`,
  },
  not_dissociated: {
    status: 404,
    field: "workload",
    value: (r) => r.workload,
    say: (r) =>
      `there is no dissociated workload ${quoted(r.workload)}: its container is gone, or never was; list what can be adopted with GET /v1/workloads?state=dissociated; its deployment has ${list(r.there) || "none"}`,
  },
  adoption_without_deployment: {
    status: 409,
    field: "workload",
    value: (r) => r.workload,
    say: (r) =>
      `deployment ${quoted(r.deployment)} was removed, so there is nothing that ${quoted(r.workload)} could belong to: deploy anew, then end the container on its node by hand`,
  },
  ...rolloutRows,
  ...quotaRows,
  resources_missing: {
    status: 422,
    field: "resources",
    value: () => undefined,
    say: ({ missing, release, entrypoint }) =>
      `how much ${missing === "cpu" ? "cpu" : "memory"} each workload books is not said: name ${missing} (on the command line --${missing === "cpu" ? "cpu" : "memory"}), 0 to book none, or give entrypoint ${quoted(entrypoint)} a default under \`resources\` in the app.yaml of a release; ${quoted(release)} has none`,
  },
  resources_contradict: {
    status: 422,
    field: "resources",
    value: () => undefined,
    say: (r) => `these resources cannot be: ${r.detail}`,
  },
  route_unknown: {
    status: 404,
    field: "host",
    value: (r) => r.host,
    say: (r, intent) =>
      `there is no route for host ${quoted(r.host)}; ${offered("hosts", intent.routes, "declare one with PUT /v1/routes/<host>")}`,
  },
  route_changed: {
    status: 409,
    field: "host",
    value: (r) => r.host,
    say: (r) =>
      `the route of ${quoted(r.host)} was changed while this was asked: look at its history and ask again`,
  },
  nothing_to_undo: {
    status: 422,
    field: "to",
    value: (r) => r.to,
    say: (r) =>
      `${quoted(r.host)} had no route yet at sequence ${r.to}: its history begins at ${r.first}; remove it with DELETE /v1/routes/<host> if that is meant`,
  },
  host_owned: {
    status: 409,
    field: "app",
    value: (r) => r.app,
    say: (r) =>
      `host ${quoted(r.host)} ${r.owner === undefined ? "was declared for no app" : `belongs to app ${quoted(r.owner)}`}: declare it with ${r.owner === undefined ? "no `app`" : `\`"app": "${r.owner}"\``}, choose another host, or take it over with PUT /v1/routes/<host>?takeOver=true`,
  },
  ...elbRows,
  certificate_unknown: {
    status: 404,
    field: "certificate",
    value: (r) => r.certificate,
    say: (r, intent) =>
      `there is no certificate ${quoted(r.certificate)}; ${offered("certificates", intent.certificates, "store one with PUT /v1/certificates/<name>")}`,
  },
  certificate_in_use: {
    status: 409,
    field: "certificate",
    value: (r) => r.certificate,
    say: (r) =>
      `routes name certificate ${quoted(r.certificate)}: change or remove the route of ${list(r.hosts)} first`,
  },
  certificate_other_hosts: {
    status: 422,
    field: "tls",
    value: (r) => r.certificate,
    say: (r) =>
      `certificate ${quoted(r.certificate)} is not good for ${quoted(r.host)}, but for ${list(r.hosts)} (a wildcard stands for one label): name another, or store one that is`,
  },
  acme_unavailable: {
    status: 422,
    field: "tls",
    value: (r) => r.host,
    say: (r) =>
      `this zone gets no certificates by itself: set ERU_ACME_DIRECTORY for command-api and router-sync, or store one that is good for ${quoted(r.host)} with PUT /v1/certificates/<name>, and name it`,
  },
  acme_host_impossible: {
    status: 422,
    field: "hosts",
    value: (r) => r.host,
    say: (r) =>
      `no certificate can be ordered for ${quoted(r.host)}: the directory looks at the host itself, so it is an exact name of two labels or more; for a wildcard store a certificate with PUT /v1/certificates/<name>`,
  },
  certificate_stored: {
    status: 409,
    field: "certificate",
    value: (r) => r.certificate,
    say: (r) =>
      `certificate ${quoted(r.certificate)} is one that was stored, and its hosts need it until another is there: order under another name, then remove this one`,
  },
};

/** A refusal as an answer. */
export type RefusalAnswer = { status: 404 | 409 | 422; detail: string; fault: FieldFault };

/** What to answer to a refusal; `intent` offers the names there are. */
export function answerTo<C extends Refusal["code"]>(
  refusal: Extract<Refusal, { code: C }>,
  intent: Intent,
): RefusalAnswer {
  const row = rows[refusal.code as C];
  const detail = row.say(refusal, intent);
  const value = row.value(refusal);
  const field = refusal.at ?? row.field;
  return {
    status: row.status,
    detail,
    fault: { field, ...(value !== undefined && { value }), message: detail },
  };
}
