import fc from "fast-check";
import { expect, test } from "vitest";
import { requestTarget } from "./request-target.ts";

test.each([
  ["/", "/", ""],
  ["/a/b?x=1&y", "/a/b", "x=1&y"],
  ["/a//b///c", "/a/b/c", ""],
  ["/a/./b/../c", "/a/c", ""],
  ["/a/b/..", "/a/", ""],
  ["/a/.", "/a/", ""],
  ["/a%2Fb", "/a/b", ""],
  ["/a/%2e%2E/b", "/b", ""],
  ["/%25%3F%23", "/%?#", ""],
  ["/a%2525", "/a%25", ""],
  ["/...", "/...", ""],
  ["/a#b?c", "/a", ""],
  ["/a?b#c", "/a", "b"],
  ["/a?b=/../c", "/a", "b=/../c"],
  ["/%c3%a9", "/\u00c3\u00a9", ""],
])("%s is the path %s", (raw, path, query) => {
  expect(requestTarget(raw)).toEqual({ path, query });
});

test.each(["", "a", "/..", "/a/../..", "//..", "/%", "/%4", "/%zz", "/%00", "/a b", "/\x7f"])(
  "%j is refused",
  (raw) => expect(requestTarget(raw)).toBeUndefined(),
);

test("a normalised path without special characters is its own normal form", () => {
  const piece = fc.constantFrom("/", ".", "..", "a", "%2f", "%2e", "%41", "b");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const once = requestTarget(`/${pieces.join("")}`);
      if (once) expect(requestTarget(once.path)?.path).toBe(once.path);
    }),
  );
});
