import { expect, test } from "vitest";
import { grantedText, resourcesText } from "./resources.ts";

test("everything a workload asks for is on one line", () => {
  expect(resourcesText({ cpu: 0.1, memoryMib: 32 })).toBe("0.1 cpu, 32M");
  expect(
    resourcesText({
      cpu: 1.3,
      bind: true,
      memoryMib: 64,
      memoryLimitMib: 0,
      storageMib: 10_240,
      volumes: [{ to: "/data", sizeMib: 1_024 }],
      gpus: { "nvidia-3090": 2 },
      ports: [
        { hostPort: 80, port: 8_080 },
        { hostPort: 81, port: 81 },
      ],
    }),
  ).toBe(
    "1.3 cpu bound, 64M (no bound), storage 10G, volume AUTO:/data:rw:1G, 2 nvidia-3090, port 80 (8080 inside), port 81",
  );
});

test("the parts it got are named", () => {
  expect(grantedText(null)).toBeUndefined();
  expect(
    grantedText({
      cores: { "0": 30, "2": 100 },
      numa: "0",
      volumes: [{ to: "/data", path: "/mnt/a", sizeMib: 1 }],
      gpus: { a: ["0"] },
      ports: [80],
    }),
  ).toBe("core 0 (0.3), 2 of NUMA node 0; /data on /mnt/a; a 0; port 80");
});
