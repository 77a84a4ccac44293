// Which endpoint of a pool gets a request, where the rule says how.
import { afterEach, expect, test } from "vitest";
import { Client } from "./testing-client.ts";
import { type Backend, type Elb, until } from "./testing-nginx.ts";
import { ask, elbWith, forwarding, ruleTable, to } from "./testing-rules.ts";
import { atEnd, backend, endAll } from "./testing-service.ts";

afterEach(endAll);

const users = Array.from({ length: 150 }, (_, index) => `user-${index}`);
const byUser = { balance: { hash: { header: "x-u" } } };

/** Where each user's request goes, on connections of their own, so to any worker. */
async function places(elb: Elb): Promise<Map<string, string | undefined>> {
  const found = new Map<string, string | undefined>();
  for (const user of users) found.set(user, (await ask(elb, { headers: { "x-u": user } })).seen?.id);
  return found;
}

const sharesOf = (found: Map<string, string | undefined>): Record<string, number> => {
  const shares: Record<string, number> = {};
  for (const id of found.values()) shares[String(id)] = (shares[String(id)] ?? 0) + 1;
  return shares;
};

async function setPool(elb: Elb, base: number, backends: readonly Backend[]): Promise<void> {
  const json = JSON.stringify({ eps: backends.map(({ endpoint }) => endpoint) });
  const answer = await elb.admin.delta({ epoch: "e1", base, seq: base + 1 }, [{ key: "p:a/web", json }]);
  expect(answer).toMatchObject({ ok: true });
}

test("by hash a key has its endpoint; when one goes only its keys move, and they come back with it", async () => {
  const [one, two, three] = [await backend("one"), await backend("two"), await backend("three")];
  const elb = await forwarding([one, two, three], byUser);
  const before = await places(elb);
  expect(await places(elb)).toEqual(before);
  for (const id of ["one", "two", "three"]) expect(sharesOf(before)[id]).toBeGreaterThan(25);
  await setPool(elb, 10, [one, three]);
  const without = await places(elb);
  for (const user of users)
    if (before.get(user) !== "two") expect([user, without.get(user)]).toEqual([user, before.get(user)]);
  const moved = new Map([...without].filter(([user]) => before.get(user) === "two"));
  expect(Object.keys(sharesOf(moved)).sort()).toEqual(["one", "three"]);
  // In another order: the place in the list says nothing.
  await setPool(elb, 11, [three, two, one]);
  expect(await places(elb)).toEqual(before);
});

test("by hash a heavier endpoint has more keys, and requests without a key take turns", async () => {
  const [heavy, light] = [await backend("heavy"), await backend("light")];
  const elb = await elbWith(
    ruleTable(
      { "a/web": [{ ...heavy.endpoint, w: 3 }, light.endpoint] },
      { "hello.org": [to("a/web", byUser)] },
    ),
  );
  const found = await places(elb);
  expect(await places(elb)).toEqual(found);
  const shares = sharesOf(found);
  expect(shares["heavy"]).toBeGreaterThan(90);
  expect(shares["light"]).toBeGreaterThan(15);
  const client = new Client(elb.port);
  atEnd(() => client.close());
  const without = [];
  for (let count = 0; count < 8; count++) without.push((await client.ask()).seen?.id);
  expect(without.filter((id) => id === "heavy")).toHaveLength(6);
});

test("by the fewest in flight an endpoint that does not get done gets nothing more", async () => {
  const held: (() => void)[] = [];
  const slow = await backend("slow", (_request, response) => {
    held.push(() => response.end("late"));
  });
  const fast = await backend("fast");
  const elb = await forwarding([slow, fast], { balance: "least" });
  const answers: Promise<unknown>[] = [];
  /** Asks once, and waits until that is answered or held. */
  const once = async () => {
    const before = held.length;
    let answered = false;
    const answer = ask(elb).then(() => {
      answered = true;
    });
    answer.catch(() => undefined);
    answers.push(answer);
    await until("it is answered or held", () => answered || held.length > before);
  };
  for (let count = 0; count < 40; count++) await once();
  // Workers count for themselves: each may have found out once.
  expect(held.length).toBeLessThanOrEqual(2);
  expect(fast.requests()).toBe(40 - held.length);
  for (const release of held) release();
  await Promise.all(answers);
  const before = slow.requests();
  await until("done with them, it gets requests again", async () => {
    await once();
    return slow.requests() > before;
  });
  for (const release of held) release();
  await Promise.all(answers);
});

test("weights that differ are kept to exactly", async () => {
  const [a, b, c] = [await backend("a"), await backend("b"), await backend("c")];
  const weighted = [
    { ...a.endpoint, w: 5 },
    { ...b.endpoint, w: 2 },
    { ...c.endpoint, w: 1 },
  ];
  const elb = await elbWith(ruleTable({ "a/web": weighted }, { "hello.org": [to("a/web")] }));
  const client = new Client(elb.port);
  atEnd(() => client.close());
  for (let count = 0; count < 80; count++) await client.ask();
  expect([a.requests(), b.requests(), c.requests()]).toEqual([50, 20, 10]);
});
