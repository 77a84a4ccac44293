import { expect, test } from "vitest";
import { byteRegex, regexSubsetFault } from "./byte-regex.ts";
import { bytesOf } from "./bytes.ts";

test.each([
  ["^/a$", "/a", true],
  ["^/a$", "/a\n", false],
  ["^/a$", "/a\nb", false],
  ["a.c", "a\nc", false],
  ["a\\sc", "a\vc", true],
  ["a[\\sx]c", "a\vc", true],
  ["a\\Sc", "a\vc", false],
  ["^.{2}$", bytesOf("é"), true],
  ["^é+$", bytesOf("é"), true],
  ["(?i)ABC", "xabcx", true],
  ["\\d{2,3}", "a12", true],
])("%s searched in %j: %s", (pattern, value, found) => {
  expect(byteRegex(pattern).test(value)).toBe(found);
});

test("groups that took no part are undefined", () => {
  expect(byteRegex("^/(a)|(b)").exec("/b")).toEqual(["b", undefined, "b"]);
  expect(byteRegex("c").exec("/b")).toBeUndefined();
});

test.each([
  "^/(?:api|v[12])/\\d+$",
  "(?i:chrome)/[0-9.]+",
  "[^]a-]",
  "[[:alpha:]_]",
  "a{2,}b??",
  "é|ü",
  "(?P<name>x)\\.",
])("%s is taken", (pattern) => {
  expect(regexSubsetFault(pattern)).toBeUndefined();
});

test.each([
  ["(?=a)", "linear-time"],
  ["(a)\\1", "linear-time"],
  ["\\v", "\\v is not read alike"],
  ["(?P<n>\\v)", "\\v is not read alike"],
  ["a\\z", "\\z is not read alike"],
  ["\\pL", "\\p is not read alike"],
  ["\\x{e9}", "\\x{e9} is not read alike"],
  ["[[.a.]]", "[. and [="],
  ["[é]", "ASCII only"],
  ["x{,5}", "not a repetition"],
  ["a++", "linear-time"],
  ["a**", "linear-time"],
  ["(a", "linear-time"],
  ["a{1001}", "linear-time"],
  ["[:alpha:]", "[[:alpha:]]"],
  ["(?m)a$", "not known"],
  ["(?i)é", "ASCII letters only"],
])("%s is refused: %s", (pattern, reason) => {
  expect(regexSubsetFault(pattern)).toContain(reason);
});

test("case is not ignored beyond ASCII", () => {
  expect(regexSubsetFault("é", true)).toContain("ASCII letters only");
  expect(byteRegex("k", true).test("\u00e2\u0084\u00aa")).toBe(false);
});

test("a pattern that explodes elsewhere takes no time here", () => {
  expect(byteRegex("^(a+)+$").test(`${"a".repeat(5_000)}!`)).toBe(false);
});
