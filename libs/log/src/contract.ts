import { afterAll, beforeAll, describe } from "vitest";
import { appendContract, raceContract, refusalContract, repetitionContract } from "./contract/append.ts";
import { batchContract, batchRefusalContract, batchRepetitionContract } from "./contract/batch.ts";
import {
  assignmentContract,
  followBoundsContract,
  followContract,
  outageContract,
} from "./contract/follow.ts";
import type { Setting } from "./contract/kit.ts";
import { leaseContract, liveContract } from "./contract/live.ts";

/** What every implementation of the log promises. Tests use histories of their own, so they share one broker. */
export function logContract(name: string, open: () => Promise<Setting>): void {
  describe(`the log ${name}`, () => {
    let setting: Setting;
    beforeAll(async () => {
      setting = await open();
    });
    afterAll(async () => {
      await setting.close();
    });
    const get = (): Setting => setting;
    describe("append", () => appendContract(get));
    describe("append races", () => raceContract(get));
    describe("append repeated", () => repetitionContract(get));
    describe("append refused", () => refusalContract(get));
    describe("batch", () => batchContract(get));
    describe("batch repeated", () => batchRepetitionContract(get));
    describe("batch refused", () => batchRefusalContract(get));
    describe("follow", () => followContract(get));
    describe("follow bounds", () => followBoundsContract(get));
    describe("follow assignments", () => assignmentContract(get));
    describe("outage", () => outageContract(get));
    describe("live", () => liveContract(get));
    describe("lease", () => leaseContract(get));
  });
}
