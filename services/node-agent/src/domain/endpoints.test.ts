import { expect, test } from "vitest";
import { assigned } from "../../test/orders.ts";
import type { Container } from "./container.ts";
import { endpoints, probeAddress, sameEndpoints } from "./endpoints.ts";

const byContainer = { advertise: "container", address: "192.0.2.1" } as const;
const byNode = { advertise: "node", address: "192.0.2.1" } as const;
const container = (parts: Partial<Container> = {}): Container => ({
  ...{ id: "c1", name: "c1", labels: {}, state: "running", outOfMemory: false, ports: [] },
  ...parts,
});
const inBridge = assigned({ publish: [80, 90] });
const onHost = assigned({ publish: [80], network: "host" });

test("an advertised container is reached by its own address", () => {
  expect(endpoints(inBridge, container({ address: "10.0.0.2" }), byContainer)).toEqual([
    { port: 80, ip: "10.0.0.2", hostPort: 80 },
    { port: 90, ip: "10.0.0.2", hostPort: 90 },
  ]);
  expect(endpoints(inBridge, container(), byContainer)).toEqual([]);
});

test("an advertised node is dialled at the port that the engine mapped; one without a mapping is left out", () => {
  const mapped = container({ address: "10.0.0.2", ports: [{ port: 90, hostPort: 32_768 }] });
  expect(endpoints(inBridge, mapped, byNode)).toEqual([{ port: 90, ip: "192.0.2.1", hostPort: 32_768 }]);
});

test("on the host's network it is the node's address and the port itself, whatever is advertised", () => {
  for (const addressing of [byContainer, byNode])
    expect(endpoints(onHost, container(), addressing)).toEqual([{ port: 80, ip: "192.0.2.1", hostPort: 80 }]);
});

test("the agent probes from the node: the container's address, or the loopback on the host's network", () => {
  expect(probeAddress(inBridge, container({ address: "10.0.0.2" }))).toBe("10.0.0.2");
  expect(probeAddress(inBridge, container())).toBeUndefined();
  expect(probeAddress(onHost, container())).toBe("127.0.0.1");
});

test("endpoints differ by number, address and port", () => {
  const one = { port: 80, ip: "10.0.0.2", hostPort: 80 };
  expect(sameEndpoints([one], [{ ...one }])).toBe(true);
  expect(sameEndpoints([], [])).toBe(true);
  for (const other of [
    [],
    [one, one],
    [{ ...one, ip: "10.0.0.3" }],
    [{ ...one, hostPort: 81 }],
    [{ ...one, port: 81 }],
  ])
    expect(sameEndpoints([one], other)).toBe(false);
});
