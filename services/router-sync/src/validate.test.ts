import { ValidateReply } from "@eru/events";
import { expect, test } from "vitest";
import { NginxUnreachableError } from "./nginx-admin.ts";
import { validator } from "./validate.ts";

const line = { key: "r:a.org", json: "{}" };
const verdict = async (
  validate: Parameters<typeof validator>[1]["validate"],
  body = JSON.stringify({ lines: [line] }),
) => ValidateReply.parse(JSON.parse(await validator("edge", { validate })(body)));

test("what the engine takes is fine, and what it refuses is passed on", async () => {
  expect(await verdict(async () => undefined)).toEqual({ elb: "edge", ok: true });
  const refused = { key: "r:a.org", reason: "rule x: bad pattern" };
  expect(await verdict(async () => refused)).toEqual({ elb: "edge", ok: false, ...refused });
});

test("an engine that does not answer, and a question nobody can read, are said", async () => {
  const silent = () => Promise.reject(new NginxUnreachableError("no answer from nginx"));
  expect(await verdict(silent)).toEqual({ elb: "edge", error: "no answer from nginx" });
  expect(await verdict(async () => undefined, "{")).toEqual({
    elb: "edge",
    error: "the question is not readable",
  });
});
