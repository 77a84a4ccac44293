import { describe, expect, test } from "vitest";
import { Drive } from "../../test/drive.ts";
import { assigned, stopAssigned } from "../../test/orders.ts";

const workload = "shop-web-abc123-1";
const other = "shop-web-abc123-2";
const third = "shop-web-abc123-3";
const ports = { first: 20_000, last: 20_002, quarantineMs: 300_000 };
const drive = (range = ports) =>
  new Drive({ addressing: { advertise: "node", address: "127.0.0.1", ports: range } });

/** Where every start was reached. */
const reached = ({ history }: Drive): string[] =>
  history.flatMap(({ fact }) =>
    fact.type === "ContainerStarted"
      ? [`${fact.workload.at(-1)}: ${fact.endpoints.map(({ hostPort }) => hostPort).join(" ")}`]
      : [],
  );

async function removedAndAnother(): Promise<Drive> {
  const one = drive();
  await one.order(assigned()).begin();
  await one.settle();
  await one.order(stopAssigned(workload, 2)).settle();
  return one;
}

describe("a port of the machine that the agent chooses", () => {
  test("is another one for every workload, in turn", async () => {
    const one = drive();
    await one
      .order(assigned({ publish: [8080, 9090] }))
      .order(assigned({ workload: other }))
      .begin();
    await one.settle();
    expect(reached(one)).toEqual(["1: 20000 20001", "2: 20002"]);
  });

  test("is given to nobody while it is in quarantine, and again after it", async () => {
    const one = await removedAndAnother();
    await one.order(assigned({ workload: other, publish: [8080, 9090] })).settle();
    await one.order(assigned({ workload: third, restart: { retriesMax: 20 } })).settle();
    expect(reached(one)).toEqual(["1: 20000", "2: 20001 20002"]);
    expect(one.facts().at(-1)).toContain(
      "create: 1 free of the ports 20000 to 20002 wanted: 2 are in use, others rest for 300 s after a removed container",
    );
    await one.pass(ports.quarantineMs - 1);
    expect(reached(one)).toHaveLength(2);
    await one.pass(61_000);
    expect(reached(one).slice(2)).toEqual(["3: 20000"]);
  });

  test("stays in quarantine when the agent is started again", async () => {
    const one = await removedAndAnother();
    await one.pass(ports.quarantineMs - 1_000);
    await one.restartAgent();
    await one.order(assigned({ workload: other, publish: [1, 2] })).settle();
    await one.order(assigned({ workload: third })).settle();
    expect(reached(one)).toEqual(["1: 20000", "2: 20001 20002"]);
    await one.pass(61_000);
    expect(reached(one).slice(2)).toEqual(["3: 20000"]);
  });

  test("is the next one in turn after a start of the agent, also where there is no quarantine", async () => {
    const one = drive({ ...ports, quarantineMs: 0 });
    await one.order(assigned()).begin();
    await one.settle();
    await one.order(stopAssigned(workload, 2)).settle();
    await one.restartAgent();
    await one.order(assigned({ workload: other })).settle();
    expect(reached(one)).toEqual(["1: 20000", "2: 20001"]);
  });

  test("is that of a container which is there though its start was never reported", async () => {
    const one = drive();
    await one.order(assigned()).begin();
    await one.settle();
    // The next agent hears of the other workload first.
    one.orders.unshift(assigned({ workload: other }));
    await one.restartAgent(one.history.length);
    await one.settle();
    expect(reached(one).toSorted()).toEqual(["1: 20000", "2: 20001"]);
  });

  test("is not one that the workload itself has bound for another port", async () => {
    const one = drive();
    const resources = { ports: [{ port: 53, hostPort: 20_000 }] };
    await one.order(assigned({ resources })).begin();
    await one.settle();
    expect(reached(one)).toEqual(["1: 20001"]);
  });

  test("is kept when a process is started again, and passed on with the network of a container", async () => {
    const one = drive();
    await one.order(assigned()).begin();
    await one.settle();
    one.engine.exit(`eru-${workload}-g1`, 1);
    await one.hint(workload);
    await one.pass(10_000);
    await one.order(assigned({ generation: 2, takesOver: { network: true, copy: [] } })).settle();
    expect(reached(one)).toEqual(["1: 20000", "1: 20000", "1: 20000"]);
    await one.order(assigned({ workload: other })).settle();
    expect(reached(one).at(-1)).toBe("2: 20001");
  });

  test("is left to who has it on the machine: the next one is taken, and no failure is told", async () => {
    const one = drive();
    one.engine.takenPorts.add(20_000).add(20_001);
    await one.order(assigned()).begin();
    await one.settle();
    expect(reached(one)).toEqual(["1: 20002"]);
    expect(one.facts()).toEqual(["g1 created", "g1 created", "g1 created", "g1 started #1", "g1 healthy #1"]);
  });

  test("fails in words when others have too many in a row, and is tried again", async () => {
    const one = drive({ ...ports, last: 29_999 });
    for (let port = 20_000; port < 20_016; port++) one.engine.takenPorts.add(port);
    await one.order(assigned()).begin();
    await one.settle();
    const failures = one.facts().filter((fact) => fact.includes("failed"));
    expect(failures).toEqual([expect.stringMatching(/others have 16 in a row: .*again in/)]);
    await one.pass(1_000);
    expect(reached(one)).toEqual(["1: 20016"]);
  });
});
