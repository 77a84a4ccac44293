import type { Resources } from "@eru/events";
import { expect, test } from "vitest";
import { settle } from "./settle.ts";

const plain = { cpu: 1, memoryMib: 64 };

test.each<[Partial<Resources>, Partial<Resources>]>([
  [{}, {}],
  [{ cpu: 0, cpuLimit: 2 }, { cpu: 2 }],
  [{ cpuLimit: 2 }, { cpuLimit: 2 }],
  [{ cpuLimit: 0.5 }, {}],
  [{ cpuLimit: 0 }, { cpuLimit: 0 }],
  [{ memoryMib: 0, memoryLimitMib: 128 }, { memoryMib: 128 }],
  [{ memoryLimitMib: 32 }, {}],
  [{ memoryLimitMib: 128 }, { memoryLimitMib: 128 }],
  [
    { bind: true, cpuLimit: 2 },
    { bind: true, cpu: 2 },
  ],
  [{ bind: true, cpuLimit: 0 }, { bind: true }],
  [{ bind: false, volumes: [], gpus: {}, ports: [], storageMib: 0 }, {}],
])("%j is recorded as %j", (asked, recorded) => {
  expect(settle({ ...plain, ...asked })).toEqual({ ok: true, resources: { ...plain, ...recorded } });
});

test.each<[Partial<Resources>, string]>([
  [{ bind: true, cpu: 0 }, "cpu"],
  [{ bind: true, cpu: 1.305 }, "cpu"],
  [
    {
      volumes: [
        { to: "/a", sizeMib: 0 },
        { to: "/a", sizeMib: 1 },
      ],
    },
    "volumes",
  ],
  [{ volumes: [{ from: "/b", to: "/a", sizeMib: 1 }] }, "volumes"],
  [
    {
      ports: [
        { hostPort: 80, port: 1 },
        { hostPort: 80, port: 2 },
      ],
    },
    "ports",
  ],
])("%j contradicts itself in %s", (asked, at) => {
  expect(settle({ ...plain, ...asked })).toMatchObject({ ok: false, at });
});
