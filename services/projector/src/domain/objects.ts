import type { DisplacedPlace, RecordedEvent } from "@eru/events";
import { selectorsOf } from "@eru/routing";

/** Kinds of things an event can be about; `<kind>:<name>` is an object. */
export const objectKinds = [
  "app",
  "release",
  "pod",
  "node",
  "deployment",
  "workload",
  "route",
  "elb",
  "user",
  "certificate",
  "quota",
] as const;

/** A workload's deployment: its id without the counter at the end. */
export const deploymentOf = (workload: string): string => workload.slice(0, workload.lastIndexOf("-"));

/**
 * What an event is about, without repetition. Fields of the same name mean the same thing in every event, so a new event
 * needs nothing here. `appOf` finds the app of a deployment that was requested before.
 */
export function objectsOf(
  { subject, event }: Pick<RecordedEvent, "subject" | "event">,
  appOf: (deployment: string) => string | undefined,
): string[] {
  const objects = new Set<string>();
  const add = (kind: (typeof objectKinds)[number], name: string | undefined) => {
    if (name !== undefined) objects.add(`${kind}:${name}`);
  };
  const aboutPlace = ({ node, victims }: DisplacedPlace) => {
    add("node", node);
    for (const { workload, deployment } of victims) {
      add("workload", workload);
      add("deployment", deployment);
    }
  };
  if ("workload" in event) add("workload", event.workload);
  const deployment =
    "deployment" in event ? event.deployment : "workload" in event ? deploymentOf(event.workload) : undefined;
  if (deployment !== undefined) {
    add("deployment", deployment);
    add("app", "template" in event ? event.template.app : appOf(deployment));
  }
  if ("node" in event) add("node", event.node);
  if ("placed" in event)
    for (const { workload, node } of event.placed) {
      add("workload", workload);
      add("node", node);
    }
  if (event.type === "PreemptionDecided") for (const place of event.places) aboutPlace(place);
  if (event.type === "PreemptionEnded") for (const { node } of event.ended) add("node", node);
  if ("nodes" in event)
    for (const one of event.nodes) {
      add("node", typeof one === "string" ? one : one.node);
      for (const { workload } of typeof one === "string" ? [] : one.differences) add("workload", workload);
    }
  if ("app" in event) add("app", event.app);
  if ("app" in event && "release" in event) add("release", `${event.app}/${event.release}`);
  if ("host" in event) add("route", event.host);
  if ("rules" in event) for (const { selector } of event.rules.flatMap(selectorsOf)) add("app", selector.app);
  if (event.type === "RouteStaged") for (const elb of event.elbs) add("elb", elb);
  if ("elb" in event) add("elb", event.elb);
  if ("certificate" in event) add("certificate", event.certificate);
  if ("quota" in event) add("quota", event.quota);
  if ("user" in event) add("user", event.user);
  if ("pod" in event) add("pod", event.pod);
  // A pod's own histories name it in the subject.
  const [, kind, pod] = subject.split(".");
  if (kind === "deployment" || kind === "decision") add("pod", pod);
  return [...objects];
}
