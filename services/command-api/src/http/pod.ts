import { PodEvent, PodName, subjects } from "@eru/events";
import { z } from "zod";
import { pod as decider } from "../domain/pod.ts";
import { about, type Command } from "../handle.ts";
import type { Intent } from "../intent.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";

const NewPod = z.strictObject({
  name: PodName,
  description: PodEvent.options[0].shape.description.default(""),
});
const tag = "pods";
const params = z.strictObject({ pod: PodName });
const ids = { pod: PodName };

/** Commands about pods. */
export function podRoutes(deps: RouteDeps): void {
  commandRoute(deps, {
    name: "AddPod",
    method: "POST",
    url: "/v1/pods",
    tag,
    summary: "Add a pod",
    description: "A pod is a named group of nodes that can reach each other.",
    body: NewPod,
    ids,
    command: ({ body }) => addPod(body),
  });
  commandRoute(deps, {
    name: "RemovePod",
    method: "DELETE",
    url: "/v1/pods/:pod",
    tag,
    summary: "Remove a pod",
    description: "Refused while nodes or deployments are in it. Its name may be used again.",
    params,
    ids,
    command: ({ params }) => removePod(params.pod),
  });
}

function addPod({ name: pod, description }: z.output<typeof NewPod>): Command {
  const subject = subjects.pod(pod);
  return {
    reads: [],
    writes: [subject],
    decide: (intent) =>
      about(subject, { pod }, decider.decide(intent.pods.get(pod), { type: "AddPod", pod, description })),
  };
}

function removePod(pod: string): Command {
  const subject = subjects.pod(pod);
  return {
    reads: [],
    writes: [subject],
    decide: (intent) => {
      const nodes = inPod(intent.nodes, pod, "present");
      const deployments = inPod(intent.deployments, pod, "live");
      const command = { type: "RemovePod", pod, nodes, deployments } as const;
      return about(subject, { pod }, decider.decide(intent.pods.get(pod), command));
    },
  };
}

function inPod(
  states: Intent["nodes"] | Intent["deployments"],
  pod: string,
  phase: "present" | "live",
): string[] {
  const names: string[] = [];
  for (const [name, state] of states)
    if (state.phase === phase && "pod" in state && state.pod === pod) names.push(name);
  return names;
}
