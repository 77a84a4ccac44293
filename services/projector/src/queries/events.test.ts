import { type EruEvent, subjects } from "@eru/events";
import { expect, test } from "vitest";
import { temporaryFolder } from "../testkit/folder.ts";
import { MemoryZone, startProjector, until } from "../testkit/zone.ts";

type Page = { items: { seq: number; type: string }[]; next: string | null };

test("a search for what is rare ends in short pages, and finds all of it", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  const applied = (appliedSeq: number): EruEvent => ({
    type: "RouteTableApplied",
    ...{ elb: "e1", bootId: "b1", appliedSeq, changedPools: 0, changedHosts: 0 },
  });
  const fill = async (sizes: readonly number[]) => {
    for (const length of sizes)
      await zone.append(
        subjects.fact("n1"),
        Array.from({ length }, (): EruEvent => ({ type: "EngineBack", node: "n1" })),
        "agent:n1",
      );
  };
  // The rare one stands where the search for a page ends, 20,000 events on, from either side.
  await fill([...Array<number>(19).fill(1_000), 998]);
  const rareSeq = await zone.append(subjects.elb("e1"), [applied(1)], "elb:e1");
  await fill(Array<number>(20).fill(1_000));
  const lastSeq = await zone.broker.log.lastSeq();
  await using projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  await until("applied", () => projector.progress.seq === lastSeq, 30_000);

  for (const order of ["asc", "desc"])
    for (const [rare, found, count] of [
      ["kind=elb", [rareSeq], 3],
      ["actor=nobody", [], 3],
      ["object=node:n1&type=NodeObserved", [], 2],
      [`actor=elb:e1&fromSeq=${rareSeq}`, [rareSeq], 2],
    ] as const) {
      const pages: Page[] = [];
      for (let cursor = ""; pages.length < 10; ) {
        const page: Page = (await projector.get(`/v1/events?${rare}&order=${order}${cursor}`)).json();
        pages.push(page);
        if (page.next === null) break;
        cursor = `&cursor=${page.next}`;
      }
      const seqs = pages.flatMap(({ items }) => items.map(({ seq }) => seq));
      expect(seqs, rare).toEqual(found);
      expect(pages.length, `${rare} ${order}`).toBe(count);
    }

  const exact: Page = (await projector.get("/v1/events?object=elb:e1")).json();
  expect(exact).toMatchObject({ items: [{ seq: rareSeq }], next: null });
});
