import { expect, test } from "vitest";
import { StreamMismatchError } from "../errors.ts";
import { logSettings, settingDifferences } from "./stream-settings.ts";

const wanted = logSettings(3);
// What a server answers: it leaves out what is false or zero, and adds what it knows itself.
const echoed = { ...wanted.config, max_age: undefined, metadata: { "_nats.ver": "2.15.1" }, sealed: false };

test("a stream that is as wanted has no differences", () => {
  expect(settingDifferences(wanted, echoed)).toEqual([]);
});

test.each([
  ["allow_atomic", undefined, "true", "not set"],
  ["num_replicas", 1, "3", "1"],
  ["deny_purge", undefined, "true", "not set"],
  ["max_msgs", 2, "-1", "2"],
  ["max_age", 3_600_000_000_000, "not set", "3600000000000"],
  ["discard", "old", '"new"', '"old"'],
  ["persist_mode", "async", "not set", '"async"'],
  ["republish", undefined, '{"src":"eru.assignment.>","dest":"eru-live.assignment.>"}', "not set"],
  ["subjects", ["eru.>", "more"], '["eru.>"]', '["eru.>","more"]'],
])("a stream whose %s is %j is refused with both values", (setting, value, shouldBe, is) => {
  const differences = settingDifferences(wanted, { ...echoed, [setting]: value });
  expect(differences).toEqual([{ setting, wanted: shouldBe, actual: is }]);
  expect(new StreamMismatchError("ERU", differences).message).toContain(
    `${setting} is ${is}, wanted ${shouldBe}`,
  );
});
