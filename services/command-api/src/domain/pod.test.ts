import { specify } from "@eru/testing";
import { test } from "vitest";
import { pod } from "./pod.ts";

const { given } = specify(pod);
const added = { type: "PodAdded", pod: "demo", description: "for a start" } as const;
const removed = { type: "PodRemoved", pod: "demo" } as const;
const add = { type: "AddPod", pod: "demo", description: "for a start" } as const;
const remove = { type: "RemovePod", pod: "demo", nodes: [], deployments: [] } as const;

test("a new pod is recorded", () => {
  given().when(add).records(added);
});

test("adding the same pod again records nothing", () => {
  given(added).when(add).recordsNothing();
});

test("adding a pod with another description is refused and shows the one it has", () => {
  given(added)
    .when({ ...add, description: "other" })
    .refuses({ code: "pod_exists", pod: "demo", description: "for a start" });
});

test("an empty pod can be removed", () => {
  given(added).when(remove).records(removed);
});

test("a pod with nodes stays, and the nodes are named", () => {
  given(added)
    .when({ ...remove, nodes: ["n2", "n1"] })
    .refuses({ code: "pod_has_nodes", nodes: { shown: ["n1", "n2"], total: 2 } });
});

test("a pod with many nodes names five and counts all", () => {
  given(added)
    .when({ ...remove, nodes: ["n6", "n5", "n4", "n3", "n2", "n1"] })
    .refuses({ nodes: { shown: ["n1", "n2", "n3", "n4", "n5"], total: 6 } });
});

test("a pod with a deployment stays: the deployment would wait for ever", () => {
  given(added)
    .when({ ...remove, deployments: ["web-http-abc123"] })
    .refuses({ code: "pod_has_deployments" });
});

test("a pod that never was cannot be removed", () => {
  given().when(remove).refuses({ code: "pod_unknown", removed: false });
});

test("removing a removed pod records nothing", () => {
  given(added, removed).when(remove).recordsNothing();
});

test("a removed name can be used again", () => {
  given(added, removed).when(add).records(added);
});
