import fc from "fast-check";
import { expect, test } from "vitest";
import { HostName } from "./names.ts";
import { historyKind, historyKinds, subjects } from "./subjects.ts";

test("every kind of history has a subject that names it", () => {
  const examples = [
    subjects.app("a"),
    subjects.pod("p"),
    subjects.node("n"),
    subjects.deployment("p", "d"),
    subjects.decision("p"),
    subjects.assignment("n"),
    subjects.fact("n"),
    subjects.route("h"),
    subjects.elb("e"),
    subjects.balancer("e"),
    subjects.user("u"),
    subjects.certificate("c"),
    subjects.acme("c.example.org"),
    subjects.quota("app_a_pod_p"),
  ];
  expect(examples.map(historyKind)).toEqual([...historyKinds]);
});

test("a subject of somebody else names no history", () => {
  expect(historyKind("eru.planet.mars")).toBeUndefined();
  expect(historyKind("other.app.a")).toBeUndefined();
});

test.each(["", "a.b", "a b", "*", ">", "ü", "x".repeat(129)])(
  "%j never becomes part of a subject",
  (name) => {
    expect(() => subjects.app(name)).toThrow(RangeError);
  },
);

const label = fc.stringMatching(/^[ab]([ab-]{0,2}[ab])?$/);
const host = fc.oneof(
  fc.constant("*"),
  fc
    .tuple(fc.boolean(), fc.array(label, { minLength: 1, maxLength: 3 }))
    .map(([wild, labels]) => (wild ? ["*", ...labels] : labels).join(".")),
);

test("two hosts never share a subject", () => {
  fc.assert(
    fc.property(host, host, (one, other) => {
      expect(HostName.safeParse(one).success).toBe(true);
      expect(subjects.route(one) === subjects.route(other)).toBe(one === other);
    }),
  );
});

test("the longest host that may be declared has a subject", () => {
  const host = `${"a".repeat(61)}.`.repeat(4).slice(0, 253).replace(/\.$/, "x");
  expect(HostName.parse(host)).toBe(host);
  expect(subjects.route(host)).toHaveLength("eru.route.".length + host.length);
  expect(() => subjects.route("a".repeat(254))).toThrow(RangeError);
});
