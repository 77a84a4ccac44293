import type { Msg } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { verdict } from "./reply.ts";

const saying = (text: string) => {
  const msg: Pick<Msg, "data" | "string"> = { data: Buffer.from(text), string: () => text };
  return verdict({ is: "reply", msg: msg as Msg });
};
const failing = (code: number) =>
  saying(JSON.stringify({ error: { code: 400, err_code: code, description: "why" } }));

test("an acknowledgement is a place", () => {
  expect(saying('{"stream":"ERU","seq":7}')).toEqual({ is: "stored", seq: 7, duplicate: false, count: 1 });
  expect(saying('{"stream":"ERU","seq":7,"duplicate":true}')).toMatchObject({ duplicate: true });
  expect(saying('{"stream":"ERU","seq":7,"batch":"b","count":3}')).toMatchObject({ count: 3 });
});

test("an empty answer is a message of a batch that was taken in", () => {
  expect(saying("")).toEqual({ is: "staged" });
});

test.each([
  [10071, "moved"],
  [10164, "busy"],
  [10158, "busy"],
  [10176, "busy"],
  [10201, "repeated"],
  [10174, "unsupported"],
  [10077, "full"],
  [10047, "full"],
  [10023, "full"],
  [10008, "silent"],
  [10009, "silent"],
  [10039, "silent"],
  [10076, "silent"],
] as const)("error %d means %s", (code, is) => {
  expect(failing(code)).toMatchObject({ is });
});

test("an error that is in no row, and what is no answer at all, is refused with its text", () => {
  expect(failing(10060)).toEqual({ is: "refused", code: 10060, detail: "why" });
  expect(saying("-ERR")).toMatchObject({ is: "refused", detail: expect.stringContaining("-ERR") });
  expect(saying("{}")).toMatchObject({ is: "refused" });
});

test("no leader and no answer are the same: nobody knows", () => {
  expect(verdict({ is: "nobody" })).toMatchObject({ is: "silent" });
  expect(verdict({ is: "silent", why: "timeout" })).toEqual({ is: "silent", why: "timeout" });
  const error = new Error("no");
  expect(verdict({ is: "forbidden", error })).toEqual({ is: "forbidden", error });
});
