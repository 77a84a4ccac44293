import { expect, test } from "vitest";
import {
  collectCardIds,
  collectCards,
  collectDisk,
  collectNodeVolume,
  collectNuma,
  collectPort,
  collectVolume,
  offerOf,
  parseCores,
  wishOf,
} from "./resource-options.ts";

test("what a workload asks for is read as people write it", () => {
  expect(collectPort("80")).toEqual([{ hostPort: 80, port: 80 }]);
  expect(collectPort("80:8080", [])).toEqual([{ hostPort: 80, port: 8080 }]);
  expect(collectVolume("AUTO:/data:rw:10G", ["AUTO:/a"])).toEqual(["AUTO:/a", "AUTO:/data:rw:10G"]);
  expect(collectCards("nvidia-3090=2")).toEqual({ "nvidia-3090": 2 });
  expect(wishOf(1, 64, { bind: true, storage: 10, cpuLimit: 0 })).toEqual({
    cpu: 1,
    memoryMib: 64,
    cpuLimit: 0,
    bind: true,
    storageMib: 10,
  });
});

test("what a node offers is read as people write it", () => {
  expect(parseCores("2")).toEqual({ "0": 100, "1": 100 });
  expect(parseCores("0:100,5:150")).toEqual({ "0": 100, "5": 150 });
  expect(collectNodeVolume("/mnt/a:1G")).toEqual([{ path: "/mnt/a", sizeMib: 1_024 }]);
  expect(collectDisk("/dev/sdb:/mnt/a,/mnt/b:100:0:10M:0")).toEqual([
    { device: "/dev/sdb", mounts: ["/mnt/a", "/mnt/b"], readIops: 100, readBps: 10_485_760 },
  ]);
  expect(collectNuma("0:0,1:1G")).toEqual([{ id: "0", cores: ["0", "1"], memoryMib: 1_024 }]);
  expect(collectCardIds("a=0,GPU-1")).toEqual({ a: ["0", "GPU-1"] });
  expect(offerOf({ cpu: 2, cutCores: 0 })).toEqual({ cpu: 2, cutCoresMax: 0 });
});

test.each<[(text: string) => unknown, string]>([
  [collectPort, "0"],
  [collectPort, "80:81:82"],
  [collectVolume, "/data"],
  [collectCards, "nvidia"],
  [collectCards, "nvidia=0"],
  [collectCardIds, "nvidia="],
  [parseCores, "0-3"],
  [parseCores, "0:x"],
  [collectNodeVolume, "/mnt/a"],
  [collectDisk, "/dev/sda:/mnt:1"],
  [collectNuma, "0"],
])("%o refuses %j", (parse, text) => {
  expect(() => parse(text)).toThrow(/Write|written/);
});
