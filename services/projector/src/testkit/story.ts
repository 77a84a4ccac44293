import { type FactEvent, rulesFrom, subjects } from "@eru/events";
import { appSpec, reasons, template, userActor, World } from "./world.ts";

/** Names in the story. */
export const deployment = "shop-web-aaaaaa";
export const first = `${deployment}-1`;
export const second = `${deployment}-2`;

/**
 * A small zone by hand: two pods, two nodes, an app with two releases, a deployment of three of which one is healthy, one
 * cannot be pulled and one waits for room, a route and a load balancer.
 */
export function story(): World {
  const world = new World();
  const user = (subject: string, ...events: Parameters<World["append"]>[2]) =>
    world.append(subject, userActor, events);
  user(subjects.pod("p1"), { type: "PodAdded", pod: "p1", description: "the first" });
  user(subjects.pod("p2"), { type: "PodAdded", pod: "p2", description: "" });
  user(subjects.node("n1"), {
    type: "NodeAdded",
    ...{ node: "n1", pod: "p1", labels: { zone: "a", "example.org/disk": "ssd" } },
    resources: { cpu: 2, memoryMib: 512 },
  });
  user(subjects.node("n2"), { type: "NodeAdded", node: "n2", pod: "p1", labels: { zone: "b" } });
  user(subjects.node("n2"), { type: "NodeCordoned", node: "n2", reason: "new disk" });
  for (const node of ["n1", "n2"])
    world.append(subjects.fact(node), `agent:${node}`, [
      {
        type: "NodeObserved",
        ...{ node, resources: { cpu: 4, memoryMib: 1024 }, engine: "20.10.24", agentVersion: "0.1.0" },
      },
    ]);
  world.append(subjects.decision("p1"), "scheduler", [{ type: "NodeRecovered", pod: "p1", node: "n1" }]);
  user(subjects.app("shop"), { type: "AppRegistered", app: "shop" });
  for (const release of ["v1", "v2"])
    user(subjects.app("shop"), {
      type: "ReleaseRegistered",
      ...{ app: "shop", release, gitSha: "abcdef1", image: `registry.local/shop:${release}` },
      ...{ spec: appSpec("shop"), specText: "appname: shop\n" },
    });
  deploy(world);
  observe(world);
  user(subjects.route("shop.localhost"), {
    type: "RouteDeclared",
    host: "shop.localhost",
    rules: rulesFrom([{ app: "shop", entrypoint: "web" }]),
  });
  world.append(subjects.elb("e1"), "elb:e1", [
    {
      type: "RouteTableApplied",
      ...{ elb: "e1", bootId: "b1", appliedSeq: world.seq, changedPools: 1, changedHosts: 1 },
    },
  ]);
  user(subjects.certificate("www"), {
    type: "CertificateStored",
    certificate: "www",
    chainPem: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    sealedKey: `eru1.k1.${"A".repeat(16)}.AAAA`,
    hosts: ["www.example.org"],
    ...{ notBefore: "2026-01-01T00:00:00.000Z", notAfter: "2999-01-01T00:00:00.000Z" },
    ...{ issuer: "CN=Test", fingerprint: "0".repeat(64), keyType: "EC prime256v1" },
  });
  return world;
}

function deploy(world: World): void {
  const of = template("shop", "v1", "web");
  const resources = { cpu: 0.5, memoryMib: 64 };
  const templateSeq = world.append(subjects.deployment("p1", deployment), userActor, [
    {
      type: "DeploymentRequested",
      ...{ deployment, pod: "p1", template: of, count: 3, resources, strategy: "auto", nodesLimit: 0 },
      ...{ filter: { includes: [], excludes: [], labels: {} }, onShortage: "wait" },
    },
  ]);
  const command = `m${templateSeq}`;
  const placed = [first, second].map((workload) => ({ workload, node: "n1" }));
  world.append(
    subjects.decision("p1"),
    "scheduler",
    [
      {
        type: "PlacementDecided",
        ...{ deployment, release: "v1", because: "deployed", templateSeq, placed, waiting: 1 },
        reasons: reasons(templateSeq, {
          resources,
          wanted: 3,
          rejectedTotals: { cordoned: 1 },
          rejected: [{ node: "n2", filter: "cordoned", detail: "cordoned: new disk" }],
          scores: [{ node: "n1", count: 0, capacity: 2, placed: 2 }],
          wouldHelp: ["uncordon n2"],
        }),
      },
    ],
    command,
  );
  for (const { workload, node } of placed)
    world.append(
      subjects.assignment(node),
      "scheduler",
      [
        {
          type: "WorkloadAssigned",
          ...{ node, pod: "p1", workload, deployment, generation: 1, template: of, resources },
        },
      ],
      command,
    );
}

function observe(world: World): void {
  const say = (...events: FactEvent[]) => world.append(subjects.fact("n1"), "agent:n1", events);
  const of = (workload: string) => ({ node: "n1", workload, generation: 1 });
  say(
    { type: "ContainerCreated", ...of(first), containerId: "c1" },
    {
      type: "ContainerStarted",
      ...of(first),
      ...{ containerId: "c1", attempt: 1, endpoints: [{ port: 8080, ip: "10.0.0.2", hostPort: 31_000 }] },
    },
  );
  say({ type: "ContainerHealthy", ...of(first), attempt: 1 });
  say({
    type: "ContainerFailed",
    ...of(second),
    ...{ step: "pull", error: "manifest unknown", attempt: 1, retryInMs: 2_000 },
  });
}
