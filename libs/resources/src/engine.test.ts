import type { Granted, Resources } from "@eru/events";
import { expect, test } from "vitest";
import { engineSettings } from "./books.ts";

const mib = 1024 * 1024;
const told = (resources: Partial<Resources>, granted: Granted = {}, sharedCores: string[] = []) =>
  engineSettings({
    workload: "a-web-000000-1",
    resources: { cpu: 0, memoryMib: 0, ...resources },
    granted,
    sharedCores,
    address: "10.0.0.1",
    network: "bridge",
  });

test("what books cores and memory is bounded to them", () => {
  expect(told({ cpu: 0.29, memoryMib: 64 })).toEqual({
    NanoCpus: 290_000_000,
    Memory: 64 * mib,
    MemorySwap: 64 * mib,
  });
  expect(told({})).toEqual({});
});

test("a bound above the booking gives the booking by weight, and no bound gives none", () => {
  expect(told({ cpu: 0.5, cpuLimit: 2, memoryMib: 64, memoryLimitMib: 128 })).toEqual({
    NanoCpus: 2e9,
    CpuShares: 512,
    Memory: 128 * mib,
    MemorySwap: 128 * mib,
    MemoryReservation: 64 * mib,
  });
  expect(told({ cpu: 0.5, cpuLimit: 0, memoryMib: 64, memoryLimitMib: 0 })).toEqual({
    CpuShares: 512,
    MemoryReservation: 64 * mib,
  });
});

test("a bound one has its cores without a quota, its fraction by weight, and its NUMA node's memory", () => {
  expect(told({ cpu: 1.3, bind: true }, { cores: { "10": 100, "2": 30 }, numa: "0" })).toEqual({
    CpusetCpus: "2,10",
    CpusetMems: "0",
    CpuShares: 307,
  });
  expect(told({ cpu: 1, bind: true }, { cores: { "1": 100 } })).toEqual({ CpusetCpus: "1" });
});

test("one that is not bound keeps to the cores that are left", () => {
  expect(told({ cpu: 1 }, {}, ["3", "2"])).toEqual({ NanoCpus: 1e9, CpusetCpus: "2,3" });
});

test("volumes are directories of their own, and reads of one disk are bounded together", () => {
  const volumes = [
    { to: "/a", sizeMib: 10, readIops: 5 },
    { to: "/b", sizeMib: 10, readIops: 7, readOnly: true },
    { from: "/srv", to: "/c", sizeMib: 0 },
  ];
  const granted: Granted = {
    volumes: [
      { to: "/a", path: "/mnt/x", sizeMib: 10, device: "/dev/sdb" },
      { to: "/b", path: "/mnt/x", sizeMib: 10, device: "/dev/sdb" },
    ],
  };
  expect(told({ volumes }, granted)).toEqual({
    Binds: ["/mnt/x/a-web-000000-1/a:/a:rw", "/mnt/x/a-web-000000-1/b:/b:ro", "/srv:/c:rw"],
    BlkioDeviceReadIOps: [{ Path: "/dev/sdb", Rate: 12 }],
  });
});

test("each bound of reads and writes reaches the engine under its own name, and 0 is none", () => {
  const io = { readIops: 100, writeIops: 200, readBps: 1_048_576, writeBps: 2_097_152 };
  const volumes = [
    { to: "/a", sizeMib: 10, ...io },
    { to: "/b", sizeMib: 10, readIops: 0, writeBps: 5 },
  ];
  const granted: Granted = {
    volumes: [
      { to: "/a", path: "/mnt/x", sizeMib: 10, device: "/dev/sdb" },
      { to: "/b", path: "/mnt/y", sizeMib: 10, device: "/dev/sdc" },
    ],
  };
  expect(told({ volumes }, granted)).toEqual({
    Binds: ["/mnt/x/a-web-000000-1/a:/a:rw", "/mnt/y/a-web-000000-1/b:/b:rw"],
    BlkioDeviceReadIOps: [{ Path: "/dev/sdb", Rate: 100 }],
    BlkioDeviceWriteIOps: [{ Path: "/dev/sdb", Rate: 200 }],
    BlkioDeviceReadBps: [{ Path: "/dev/sdb", Rate: 1_048_576 }],
    BlkioDeviceWriteBps: [
      { Path: "/dev/sdb", Rate: 2_097_152 },
      { Path: "/dev/sdc", Rate: 5 },
    ],
  });
});

test("cards are asked for by their ids, and ports are opened at the node's address", () => {
  expect(told({ gpus: { a: 1, b: 1 } }, { gpus: { a: ["0"], b: ["GPU-1"] } })).toEqual({
    DeviceRequests: [{ DeviceIDs: ["0", "GPU-1"], Capabilities: [["gpu"]] }],
  });
  expect(
    told({
      ports: [
        { hostPort: 80, port: 8080 },
        { hostPort: 81, port: 8080 },
      ],
    }),
  ).toEqual({
    PortBindings: {
      "8080/tcp": [
        { HostIp: "10.0.0.1", HostPort: "80" },
        { HostIp: "10.0.0.1", HostPort: "81" },
      ],
    },
  });
});
