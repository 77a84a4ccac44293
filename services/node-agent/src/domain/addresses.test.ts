import { describe, expect, test } from "vitest";
import { Drive } from "../../test/drive.ts";
import { assigned, stopAssigned } from "../../test/orders.ts";

const [first, second, third] = ["shop-web-abc123-1", "shop-web-abc123-2", "shop-web-abc123-3"] as const;
const quarantineMs = 300_000;

/** An agent that chooses addresses: 10.1.7.2 to 10.1.7.6 of a network whose gateway is 10.1.7.1. */
function drive(subnet: Drive["engine"]["subnet"] = { subnet: "10.1.7.0/29", gateway: "10.1.7.1" }): Drive {
  const addressing = { advertise: "container", address: "127.0.0.1", network: "eru", quarantineMs } as const;
  const one = new Drive({ addressing });
  one.engine.subnet = subnet;
  return one;
}

/** Where every start was reached. */
const reached = ({ history }: Drive): string[] =>
  history.flatMap(({ fact }) =>
    fact.type === "ContainerStarted"
      ? [`${fact.workload.at(-1)}: ${fact.endpoints.map(({ ip }) => ip).join(" ")}`]
      : [],
  );

async function removedAndAnother(): Promise<Drive> {
  const one = drive();
  await one.order(assigned({ workload: first })).begin();
  await one.settle();
  await one.order(stopAssigned(first, 2)).settle();
  return one;
}

describe("an address of the containers' network", () => {
  test("is another one for every workload, in turn, and never the gateway's or another's", async () => {
    const one = drive({ subnet: "10.1.7.0/29", taken: ["10.1.7.3/29"] });
    await one
      .order(assigned({ workload: first }))
      .order(assigned({ workload: second }))
      .begin();
    await one.settle();
    expect(reached(one)).toEqual(["1: 10.1.7.2", "2: 10.1.7.4"]);
  });

  test("rests after a container was removed, also when the agent is started again", async () => {
    const one = await removedAndAnother();
    await one.restartAgent();
    for (const workload of [second, third, "shop-web-abc123-4", "shop-web-abc123-5"])
      await one.order(assigned({ workload })).settle();
    expect(reached(one)).toEqual(["1: 10.1.7.2", "2: 10.1.7.3", "3: 10.1.7.4", "4: 10.1.7.5", "5: 10.1.7.6"]);
    expect(one.agent.picture.reach.counts(one.nowMs)).toEqual({ addresses: { inUse: 4, resting: 1 } });
    await one.pass(quarantineMs);
    expect(one.agent.picture.reach.counts(one.nowMs)).toEqual({ addresses: { inUse: 4, resting: 0 } });
    await one.order(assigned({ workload: "shop-web-abc123-6" })).settle();
    expect(reached(one).at(-1)).toBe("6: 10.1.7.2");
    expect(one.words).toEqual([]);
  });

  test("is taken before its time where no other is left, the one that rested longest, and that is said", async () => {
    const one = await removedAndAnother();
    await one.pass(20_000);
    for (const workload of [second, third, "shop-web-abc123-4", "shop-web-abc123-5"])
      await one.order(assigned({ workload })).settle();
    await one.order(stopAssigned(second, 2)).settle();
    await one.order(assigned({ workload: "shop-web-abc123-6" })).settle();
    expect(reached(one).at(-1)).toBe("6: 10.1.7.2");
    expect(one.words).toEqual([
      expect.stringMatching(
        /^10\.1\.7\.2 served another workload 20 s ago and should rest for 300 s.*ERU_AGENT_SUBNET$/,
      ),
    ]);
  });

  test("is missed where all are in use: the failure says what to do, and it is tried again", async () => {
    const one = drive({ subnet: "10.1.7.0/30", gateway: "10.1.7.1" });
    await one.order(assigned({ workload: first })).begin();
    await one.settle();
    await one.order(assigned({ workload: second })).settle();
    expect(one.facts().at(-1)).toMatch(
      /create: no address of the network eru \(10\.1\.7\.0\/30\) is free: 1 containers.*ERU_AGENT_NETWORK.*again in/,
    );
  });

  test("is left to who has it: the next one is taken, and no failure is told", async () => {
    const one = drive();
    one.engine.takenAddresses.add("10.1.7.2").add("10.1.7.3");
    await one.order(assigned()).begin();
    await one.settle();
    expect(reached(one)).toEqual(["1: 10.1.7.4"]);
    expect(one.facts().filter((fact) => fact.includes("failed"))).toEqual([]);
  });

  test("stays with a workload whose process ends, and goes to the replacement that takes the network over", async () => {
    const one = drive();
    await one.order(assigned()).begin();
    await one.settle();
    one.engine.exit(`eru-${first}-g1`, 1);
    await one.hint(first);
    await one.order(assigned({ workload: second })).settle();
    await one.pass(10_000);
    await one.order(assigned({ generation: 2, takesOver: { network: true, copy: [] } })).settle();
    expect(reached(one)).toEqual(["1: 10.1.7.2", "2: 10.1.7.3", "1: 10.1.7.2", "1: 10.1.7.2"]);
  });

  test("is that of a container which is there though its start was never reported, and does not run", async () => {
    const one = drive();
    await one.order(assigned({ restart: { policy: "no" } })).begin();
    await one.settle();
    one.engine.exit(`eru-${first}-g1`, 0);
    one.orders.unshift(assigned({ workload: second }));
    await one.restartAgent(one.history.length);
    await one.settle();
    expect(one.engine.container(`eru-${second}-g1`)?.address).toBe("10.1.7.3");
  });

  test("does not rest on Docker's own bridge, which is said once", async () => {
    const one = new Drive({ addressing: { advertise: "container", address: "127.0.0.1", quarantineMs } });
    await one.order(assigned()).begin();
    await one.settle();
    await one.order(stopAssigned(first, 2)).settle();
    expect(one.words).toEqual([
      expect.stringMatching(/own bridge .* do not rest there; .*ERU_AGENT_NETWORK$/),
    ]);
  });

  test("is the engine's own choice where the network has no subnet, and cannot be without a network", async () => {
    const one = drive({});
    await one.order(assigned()).begin();
    await one.settle();
    expect(reached(one)).toEqual(["1: 10.0.0.2"]);
    one.agent.network({ error: "the network eru for containers cannot be had" });
    await one.order(assigned({ workload: second })).settle();
    expect(one.facts().at(-1)).toMatch(/create: the network eru for containers cannot be had, again in/);
  });
});
