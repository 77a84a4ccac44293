import { expect, test } from "vitest";
import { DecisionEvent } from "./decision.ts";
import { Granted, NodeResources, Resources, VolumeWish } from "./resources.ts";

const plain = { cpu: 1, memoryMib: 64 };

test("a placement from before parts were granted is still readable", () => {
  const placed = [{ workload: "a-web-000000-1", node: "n1" }];
  const reasons = {
    policy: "auto-1",
    inputSeq: 1,
    wanted: 1,
    resources: plain,
    nodesTotal: 1,
    candidatesTotal: 1,
    scores: [],
    rejectedTotals: {},
    rejected: [],
    wouldHelp: [],
  };
  const event = {
    type: "PlacementDecided",
    deployment: "a-web-000000",
    release: "v1",
    because: "deployed",
    templateSeq: 1,
    placed,
    waiting: 0,
    reasons,
  };
  expect(DecisionEvent.parse(event)).toEqual(event);
});

test("a workload may ask for bounds, cores, storage, volumes, cards and ports", () => {
  const wish = {
    ...plain,
    cpuLimit: 0,
    bind: true,
    memoryLimitMib: 128,
    storageMib: 10_240,
    volumes: [{ to: "/data", sizeMib: 1_024, alone: true, readIops: 100 }],
    gpus: { "nvidia-3090": 2 },
    ports: [{ hostPort: 80, port: 8_080 }],
  };
  expect(Resources.parse(wish)).toEqual(wish);
});

test.each([
  { gpus: { "nvidia-3090": 0 } },
  { gpus: { "nvidia-3090": 0.5 } },
  { ports: [{ hostPort: 0, port: 80 }] },
  { storageMib: -1 },
  { storageMib: Number.NaN },
  { cpuLimit: Number.NaN },
  { memoryLimitMib: 0.5 },
  { volumes: [{ to: "data", sizeMib: 1 }] },
  { volumes: [{ to: "/data:ro", sizeMib: 1 }] },
  { volumes: [{ from: "/../etc", to: "/data", sizeMib: 1 }] },
])("%j cannot be asked for", (wish) => {
  expect(Resources.safeParse({ ...plain, ...wish }).success).toBe(false);
});

test("a node has pieces of cores, NUMA nodes, volumes on disks and cards", () => {
  const node = {
    ...plain,
    cores: { "0": 100, "1": 150 },
    cutCoresMax: 1,
    numa: [{ id: "0", cores: ["0", "1"], memoryMib: 64 }],
    storageMib: 100,
    volumes: [{ path: "/mnt/a", sizeMib: 50 }],
    disks: [{ device: "/dev/sda", mounts: ["/mnt"], readIops: 1_000 }],
    gpus: { "nvidia-3090": ["0", "GPU-12ab"] },
  };
  expect(NodeResources.parse(node)).toEqual(node);
});

test.each([
  { cores: { a: 100 } },
  { cores: { "0": -1 } },
  { gpus: { x: [] } },
  { volumes: [{ path: "a", sizeMib: 1 }] },
])("a node cannot have %j", (node) => {
  expect(NodeResources.safeParse({ ...plain, ...node }).success).toBe(false);
});

test("what was granted names cores with their pieces, places of volumes and cards", () => {
  expect(Granted.safeParse({ cores: { "0": 100 }, numa: "0", ports: [80] }).success).toBe(true);
  expect(Granted.safeParse({ cores: { "0": 0 } }).success).toBe(false);
  expect(VolumeWish.safeParse({ to: "/data", sizeMib: 0 }).success).toBe(true);
});
