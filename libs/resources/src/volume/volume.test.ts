import type { NodeResources, VolumeWish } from "@eru/events";
import { expect, test } from "vitest";
import { Books } from "../books.ts";
import { demandOf } from "../demand.ts";
import { parseVolume, VolumeTextError, volumeText } from "./text.ts";

const node = (...sizes: number[]): NodeResources => ({
  cpu: 1,
  memoryMib: 1,
  volumes: sizes.map((sizeMib, index) => ({ path: `/mnt/${index}`, sizeMib })),
});
const asking = (...volumes: VolumeWish[]) => demandOf({ cpu: 0, memoryMib: 0, volumes });

/** Books what the wish gets and says where that is. */
function lay(books: Books, ...volumes: VolumeWish[]): Record<string, string> {
  const demand = asking(...volumes);
  const [granted] = books.choose(demand, 1);
  books.book(demand, granted);
  return Object.fromEntries(
    (granted?.volumes ?? []).map(({ to, path, sizeMib }) => [to, `${path} ${sizeMib}`]),
  );
}

test("a normal one goes to the fullest volume in use, else to the smallest unused", () => {
  const books = Books.open(node(300, 100, 200));
  expect(lay(books, { to: "/a", sizeMib: 60 })).toEqual({ "/a": "/mnt/1 60" });
  expect(lay(books, { to: "/a", sizeMib: 40 })).toEqual({ "/a": "/mnt/1 40" });
  expect(lay(books, { to: "/a", sizeMib: 40 })).toEqual({ "/a": "/mnt/2 40" });
  expect(lay(books, { to: "/a", sizeMib: 250 })).toEqual({ "/a": "/mnt/0 250" });
});

test("one that is alone takes the whole of the smallest unused volume, and nothing else comes there", () => {
  const books = Books.open(node(100, 200));
  expect(lay(books, { to: "/x", sizeMib: 0 })).toEqual({ "/x": "/mnt/1 0" });
  expect(lay(books, { to: "/a", sizeMib: 30, alone: true }, { to: "/b", sizeMib: 10, alone: true })).toEqual({
    "/a": "/mnt/0 75",
    "/b": "/mnt/0 25",
  });
  expect(books.room(asking({ to: "/a", sizeMib: 1, alone: true }), 9)).toBe(0);
  expect(books.why("volume", asking({ to: "/a", sizeMib: 1, alone: true }))).toBe(
    "volume: 1 MiB for /a alone wanted, none of 2 volumes is unused",
  );
  expect(lay(books, { to: "/c", sizeMib: 50 })).toEqual({ "/c": "/mnt/1 50" });
});

test("one without a size goes where the most is free and books nothing", () => {
  const books = Books.open(node(100, 200));
  lay(books, { to: "/a", sizeMib: 150 });
  expect(lay(books, { to: "/a", sizeMib: 0 })).toEqual({ "/a": "/mnt/0 0" });
  expect(books.room(asking({ to: "/a", sizeMib: 100 }), 9)).toBe(1);
});

test("a path of the node is mounted as it is: nothing is chosen or booked", () => {
  const books = Books.open(node());
  expect(books.room(asking({ from: "/srv", to: "/a", sizeMib: 0 }), 7)).toBe(7);
});

test("a volume belongs to the disk with the longest mount, whose reads are booked", () => {
  const books = Books.open({
    ...node(100, 100),
    disks: [
      { device: "/dev/sda", mounts: ["/"], readIops: 10 },
      { device: "/dev/sdb", mounts: ["/mnt/1"], readIops: 50 },
    ],
  });
  const wish = { to: "/a", sizeMib: 1, readIops: 20 };
  const [granted] = books.choose(asking(wish), 1);
  expect(granted?.volumes).toEqual([{ to: "/a", path: "/mnt/1", sizeMib: 1, device: "/dev/sdb" }]);
  expect(books.room(asking(wish), 9)).toBe(2);
});

test("what was held is given again", () => {
  const books = Books.open(node(100, 200));
  const held = { volumes: [{ to: "/a", path: "/mnt/1", sizeMib: 10 }] };
  expect(books.choose(asking({ to: "/a", sizeMib: 20 }), 1, held)[0]?.volumes?.[0]?.path).toBe("/mnt/1");
});

test.each<[string, VolumeWish, string?]>([
  ["AUTO:/data", { to: "/data", sizeMib: 0 }],
  ["/dir0/AUTO:/data:rw", { to: "/data", sizeMib: 0 }, "AUTO:/data"],
  [":/data:ro", { to: "/data", sizeMib: 0, readOnly: true }, "AUTO:/data:ro"],
  ["AUTO:/data:rwm:10G", { to: "/data", sizeMib: 10_240, alone: true }],
  ["/srv/www:/www:ro", { from: "/srv/www", to: "/www", sizeMib: 0, readOnly: true }],
  [
    "AUTO:/data:rw:512M:100:0:1048576:2M",
    { to: "/data", sizeMib: 512, readIops: 100, readBps: 1_048_576, writeBps: 2_097_152 },
    "AUTO:/data:rw:512M:100:0:1048576:2097152",
  ],
])("%s is read, and written as people write it", (text, wish, written = text) => {
  expect(parseVolume(text)).toEqual(wish);
  expect(volumeText(wish)).toBe(written);
});

test.each([
  "/data",
  "AUTO:data",
  "AUTO:/data:rx",
  "AUTO:/data:rw:many",
  "AUTO:/data:rw:1G:1",
  "AUTO:/data:rw:1.0001M",
  "AUTO:/data:rw:1G:1:1:1:NaN",
  "data:/data",
  "/a/../etc:/data",
])("%s is refused", (text) => {
  expect(() => parseVolume(text)).toThrow(VolumeTextError);
});
