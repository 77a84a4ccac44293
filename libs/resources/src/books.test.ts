import type { Granted, NodeResources, Resources } from "@eru/events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Books, kindNames } from "./books.ts";
import { demandOf } from "./demand.ts";
import { offered } from "./offered.ts";

const node: NodeResources = {
  cpu: 4,
  memoryMib: 1_000,
  cores: { "0": 100, "1": 100, "2": 100, "3": 100 },
  numa: [
    { id: "1", cores: ["2", "3"], memoryMib: 500 },
    { id: "0", cores: ["0", "1"], memoryMib: 500 },
  ],
  storageMib: 4_096,
  volumes: [
    { path: "/mnt/a", sizeMib: 1_024 },
    { path: "/mnt/b", sizeMib: 2_048 },
  ],
  disks: [{ device: "/dev/sdb", mounts: ["/mnt"], readIops: 100 }],
  gpus: { "nvidia-3090": ["0", "1", "2"] },
};
const want = (more: Partial<Resources>) => demandOf({ cpu: 0, memoryMib: 0, ...more });

/** Books one as the scheduler does: chosen first. */
function bookOne(books: Books, resources: Partial<Resources>): Granted {
  const demand = want(resources);
  const [granted = {}] = books.choose(demand, 1);
  books.book(demand, granted);
  return granted;
}

test("of several kinds the one with the least room decides", () => {
  const books = Books.open(node);
  expect(books.room(want({ cpu: 1, memoryMib: 100 }), 1_000)).toBe(4);
  expect(books.room(want({ cpu: 0.1, memoryMib: 400 }), 1_000)).toBe(2);
  expect(books.room(want({ cpu: 0.29, memoryMib: 1 }), 1_000)).toBe(13);
  expect(books.room(want({}), 1_000)).toBe(1_000);
});

test("a bound workload gets cores of one NUMA node with memory there, in the order of the nodes", () => {
  const books = Books.open(node);
  const all = books.choose(want({ cpu: 1, memoryMib: 100, bind: true }), 4);
  expect(all.map(({ numa }) => numa)).toEqual(["0", "0", "1", "1"]);
  expect(books.choose(want({ cpu: 3, bind: true }), 1)[0]?.numa).toBeUndefined();
});

test("a NUMA node without memory left gives its cores across the nodes", () => {
  const books = Books.open({ ...node, numa: [{ id: "0", cores: ["0", "1"], memoryMib: 100 }] });
  const all = books.choose(want({ cpu: 1, memoryMib: 100, bind: true }), 4);
  expect(all.map(({ numa }) => numa)).toEqual(["0", undefined, undefined, undefined]);
});

test("what was booked is free again after it is given back, in every kind", () => {
  const books = Books.open(node);
  const before = books.lines();
  const wish: Partial<Resources> = {
    cpu: 1.3,
    memoryMib: 64,
    bind: true,
    storageMib: 100,
    volumes: [
      { to: "/a", sizeMib: 10, readIops: 60 },
      { to: "/b", sizeMib: 0 },
    ],
    gpus: { "nvidia-3090": 2 },
    ports: [{ hostPort: 80, port: 80 }],
  };
  const granted = bookOne(books, wish);
  expect(books.lines()).not.toEqual(before);
  expect(books.room(want(wish), 10)).toBe(0);
  books.giveBack(want(wish), granted);
  expect(books.lines()).toEqual(before);
});

test("workloads that are not bound keep to cores that have a whole one free", () => {
  const books = Books.open(node);
  expect(books.sharedCores()).toEqual([]);
  bookOne(books, { cpu: 1.3, bind: true });
  expect(books.sharedCores()).toHaveLength(2);
  for (const _ of [1, 2]) bookOne(books, { cpu: 1, bind: true });
  expect(books.sharedCores()).toEqual([]);
});

test.each<[string, Partial<Resources>, string]>([
  ["cpu", { cpu: 5 }, "cpu: 5 wanted, 4 of 4 free"],
  ["memory", { memoryMib: 2_000 }, "memory: 2000 MiB wanted, 1000 of 1000 MiB free"],
  ["storage", { storageMib: 10_240 }, "storage: 10 GiB wanted, 4 GiB of 4 GiB free"],
  [
    "volume",
    { volumes: [{ to: "/data", sizeMib: 3_072 }] },
    "volume: 3 GiB for /data wanted, at most 2 GiB free on one of 2 volumes",
  ],
  [
    "volume",
    { volumes: [{ to: "/data", sizeMib: 1, readIops: 101 }] },
    "volume: 1 MiB for /data wanted, no disk has the reads and writes left that it asks for",
  ],
  ["gpu", { gpus: { "nvidia-3090": 4 } }, "gpu: 4 nvidia-3090 wanted, 3 of 3 free"],
  ["gpu", { gpus: { "tpu-v5": 1 } }, "gpu: 1 tpu-v5 wanted, 0 of 0 free"],
])("what %s lacks is told with the amounts", (name, wish, text) => {
  const books = Books.open(node);
  const kind = kindNames.find((one) => one === name) ?? "cpu";
  expect(books.rejects(kind, want(wish))).toBe(true);
  expect(books.why(kind, want(wish))).toBe(text);
});

test("a port that is taken is named, and only one workload fits", () => {
  const books = Books.open(node);
  expect(books.room(want({ ports: [{ hostPort: 80, port: 8080 }] }), 5)).toBe(1);
  books.book(demandOf({ cpu: 0, memoryMib: 0 }, [80]), { ports: [80] });
  expect(books.why("port", want({ ports: [{ hostPort: 80, port: 8080 }] }))).toBe(
    "port: 80 wanted, 80 taken",
  );
});

test("a node that was made smaller than what runs there has no room and says so", () => {
  const books = Books.open({ cpu: 1, memoryMib: 10, cores: { "0": 100 } });
  books.book(want({ cpu: 2, memoryMib: 20, bind: true }), { cores: { "5": 100, "0": 100 } });
  expect(books.room(want({ cpu: 0.1 }), 9)).toBe(0);
  expect(books.why("memory", want({ memoryMib: 1 }))).toBe("memory: 1 MiB wanted, 0 of 10 MiB free");
  expect(books.lines()).toContainEqual({ kind: "cpu", name: "core 5", unit: "pieces", size: 0, booked: 100 });
});

test("what a user does not name is as the agent reports it", () => {
  expect(offered({ volumes: [{ path: "/a", sizeMib: 1 }] }, { cpu: 2, memoryMib: 4 })).toEqual({
    cpu: 2,
    memoryMib: 4,
    volumes: [{ path: "/a", sizeMib: 1 }],
  });
  expect(offered({ cpu: 1 }, undefined)).toBeUndefined();
  expect(offered(undefined, undefined)).toBeUndefined();
});

const someWish: fc.Arbitrary<Partial<Resources>> = fc.record(
  {
    cpu: fc.constantFrom(0.3, 0.5, 1, 1.3, 2),
    memoryMib: fc.constantFrom(0, 100, 300),
    bind: fc.boolean(),
    storageMib: fc.constantFrom(100, 1_000),
    volumes: fc.constantFrom(
      [{ to: "/a", sizeMib: 300 }],
      [{ to: "/a", sizeMib: 300, alone: true }],
      [
        { to: "/a", sizeMib: 300, readIops: 40 },
        { to: "/b", sizeMib: 500 },
      ],
      [
        { to: "/a", sizeMib: 0 },
        { to: "/b", sizeMib: 200, alone: true },
        { to: "/c", sizeMib: 100 },
      ],
    ),
    gpus: fc.constantFrom({ "nvidia-3090": 1 }, { "nvidia-3090": 2 }),
    ports: fc.constantFrom([{ hostPort: 80, port: 1 }], [{ hostPort: 81, port: 1 }]),
  },
  { requiredKeys: ["cpu"] },
);

test("as many fit as fit one after the other, and nothing is ever over-committed or given twice", () => {
  fc.assert(
    fc.property(fc.array(someWish, { minLength: 1, maxLength: 6 }), someWish, (before, wish) => {
      const books = Books.open(node);
      for (const one of before) if (books.room(want(one), 1) > 0) bookOne(books, one);
      const room = books.room(want(wish), 1_000);
      const all = books.choose(want(wish), room);
      for (const granted of all) books.book(want(wish), granted);
      for (const line of books.lines()) expect(line.booked, line.name).toBeLessThanOrEqual(line.size);
      for (const kind of ["port", "gpu"] as const)
        for (const line of books.lines().filter((one) => one.kind === kind))
          expect(line.booked).toBeLessThanOrEqual(line.size);
    }),
    { numRuns: 500 },
  );
});

test("room is at least what a search that takes one after the other finds, when cores are whole", () => {
  fc.assert(
    fc.property(fc.array(someWish, { maxLength: 4 }), someWish, (before, wish) => {
      const books = Books.open(node);
      for (const one of before) if (books.room(want(one), 1) > 0) bookOne(books, one);
      const room = books.room(want(wish), 1_000);
      const copy = books.copy();
      let count = 0;
      while (copy.room(want(wish), 1) > 0 && count < 1_000) {
        bookOne(copy, wish);
        count++;
      }
      expect(room).toBeGreaterThanOrEqual(Math.min(count, 1_000));
      if (!wish.bind) expect(room).toBe(count);
    }),
    { numRuns: 300 },
  );
});
