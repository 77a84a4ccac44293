import { expect, test } from "vitest";
import { OfferChange, WishedResources } from "./resources.ts";

const plain = { cpu: 1, memoryMib: 64 };
const faultsOf = (asked: object): [string, string][] =>
  (WishedResources.safeParse({ ...plain, ...asked }).error?.issues ?? []).map(({ path, message }) => [
    path.join("."),
    message,
  ]);

test("bounds and bookings are recorded as they agree, and volumes may be written as text", () => {
  expect(
    WishedResources.parse({
      cpu: 0,
      cpuLimit: 0.29,
      memoryMib: 64,
      memoryLimitMib: 32,
      volumes: ["AUTO:/data:rw:1G"],
    }),
  ).toEqual({ cpu: 0.29, memoryMib: 64, volumes: [{ to: "/data", sizeMib: 1_024 }] });
});

test.each<[object, string, RegExp]>([
  [{ bind: true, cpu: 0 }, "cpu", /above 0/],
  [{ volumes: ["AUTO:data"] }, "volumes.0", /absolute path/],
  [{ volumes: ["AUTO:/a:rw:many"] }, "volumes.0", /amount such as 512M/],
  [{ volumes: ["AUTO:/a", "AUTO:/a"] }, "volumes", /two volumes at \/a/],
  [{ cpuLimit: Number.NaN }, "cpuLimit", /./],
])("%j is refused at %s", (asked, at, message) => {
  const [[field, text] = ["", ""]] = faultsOf(asked);
  expect(field).toBe(at);
  expect(text).toMatch(message);
});

test.each([
  [
    {
      volumes: [
        { path: "/a", sizeMib: 1 },
        { path: "/a", sizeMib: 2 },
      ],
    },
    "volumes",
  ],
  [
    {
      disks: [
        { device: "/dev/a", mounts: [] },
        { device: "/dev/a", mounts: [] },
      ],
    },
    "disks",
  ],
  [
    {
      numa: [
        { id: "0", cores: ["0"], memoryMib: 1 },
        { id: "1", cores: ["0"], memoryMib: 1 },
      ],
    },
    "numa",
  ],
  [{ gpus: { a: ["0"], b: ["0"] } }, "gpus"],
])("a node cannot have %j", (given, at) => {
  expect(OfferChange.safeParse(given).error?.issues[0]?.path).toEqual([at]);
});
