import { expect, test } from "vitest";
import { temporaryFolder } from "../testkit/folder.ts";
import { first, story } from "../testkit/story.ts";
import { MemoryZone, startProjector } from "../testkit/zone.ts";

test("why a workload is where it is, as of a sequence, knows nothing of what came after", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  await zone.copy(story().log);
  await using projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  await projector.ready();
  const ask = async (query: string) => (await projector.get(`/v1/why/workloads/${first}${query}`)).json();
  const now = await ask("");
  const created = now.chain.find(({ type }: { type: string }) => type === "ContainerCreated").seq;
  const then = await ask(`?at=${created}`);
  expect(then.placement).toEqual(now.placement);
  expect(then.chain).toEqual(now.chain.filter(({ seq }: { seq: number }) => seq <= created));
  expect(then.chain.length).toBeLessThan(now.chain.length);
  expect(await ask(`?at=${now.placement.seq - 1}`)).toMatchObject({ placement: null, chain: [] });
  expect(await ask("?at=0")).toMatchObject({ status: 400 });
});
