import { expect, test } from "vitest";
import { Drive } from "../../test/drive.ts";
import { assigned } from "../../test/orders.ts";

const hourMs = 3_600_000;

test("a crash loop is folded into few facts that count the rest, and the last end is always said", async () => {
  const drive = new Drive();
  drive.engine.process = () => ({ exitCode: 1 });
  await drive.order(assigned({ restart: { retriesMax: 20 } })).begin();
  await drive.pass(hourMs);
  expect(drive.facts().filter((fact) => fact.includes("exited"))).toEqual([
    "g1 exited #1 1, again in 1000",
    "g1 exited #2 1, again in 2000",
    "g1 exited #3 1, again in 4000",
    "g1 exited #4 1, again in 8000",
    "g1 exited #5 1, again in 16000",
    "g1 exited #7 1, again in 60000 (+1)",
    "g1 exited #11 1, again in 60000 (+3)",
    "g1 exited #19 1, again in 60000 (+7)",
    "g1 exited #21 1, for good (+1)",
  ]);
  expect(drive.facts().filter((fact) => fact.includes("started"))).toHaveLength(3);
});

test("in a loop running is healthy only after a while, and then the start is said", async () => {
  const drive = new Drive();
  let starts = 0;
  drive.engine.process = () => (++starts < 5 ? { exitCode: 1 } : undefined);
  await drive.order(assigned({ restart: { retriesMax: 20 } })).begin();
  await drive.pass(19_000);
  expect(drive.facts().at(-1)).toBe("g1 exited #4 1, again in 8000");
  await drive.pass(2_000);
  expect(drive.facts().slice(-2)).toEqual(["g1 started #5", "g1 healthy #5"]);
});

test("a restarted agent goes on counting where the log says", async () => {
  const drive = new Drive();
  drive.engine.process = () => ({ exitCode: 1 });
  await drive.order(assigned({ restart: { retriesMax: 8 } })).begin();
  await drive.pass(100_000);
  await drive.restartAgent();
  await drive.pass(hourMs);
  expect(drive.facts().at(-1)).toMatch(/, for good/);
  const ends = drive.facts().filter((fact) => fact.includes("exited"));
  expect(ends.length).toBeLessThanOrEqual(10);
});
