import { describe, expect, test } from "vitest";
import { assigned, type OrderParts } from "../../test/orders.ts";
import { own } from "./container.ts";
import { containerSpec, specDigest } from "./container-spec.ts";

const byContainer = { advertise: "container", address: "192.0.2.1" } as const;
const byNode = { advertise: "node", address: "192.0.2.1" } as const;
function spec(parts: OrderParts, addressing: typeof byContainer | typeof byNode = byContainer) {
  const answer = containerSpec(assigned(parts), addressing);
  if (!answer.ok) throw new Error(answer.error);
  return answer.spec;
}

test("the container is named after workload and generation and can be recognised by its labels", () => {
  const { name, Labels: labels } = spec({ workload: "shop-web-abc123-7", generation: 3, graceSeconds: 4 });
  expect(name).toBe("eru-shop-web-abc123-7-g3");
  expect(labels).toMatchObject({
    "eru.workload": "shop-web-abc123-7",
    "eru.deployment": "shop-web-abc123",
    "eru.app": "shop",
    "eru.entrypoint": "web",
    "eru.release": "r1",
    "eru.generation": "3",
    "eru.node": "n1",
  });
  const container = { id: "c1", name, labels, state: "running", outOfMemory: false, ports: [] } as const;
  expect(own(container, "n1")).toMatchObject({
    workload: "shop-web-abc123-7",
    generation: 3,
    graceSeconds: 4,
  });
});

test("labels without the name that belongs to them are somebody else's container", () => {
  const { Labels: labels } = spec({});
  const copy = {
    id: "c1",
    name: "boring_bohr",
    labels,
    state: "running",
    outOfMemory: false,
    ports: [],
  } as const;
  expect(own(copy, "n1")).toBeUndefined();
  expect(own({ ...copy, name: "eru-shop-web-abc123-1-g1" }, "n2")).toBeUndefined();
  expect(own({ ...copy, name: "eru-shop-web-abc123-1-g1" }, "n1")).toBeDefined();
});

test("commands stay lists, without a shell; an empty one leaves the image's", () => {
  const command = ["/app", "$(reboot)", "a b"];
  expect(spec({ command }).Cmd).toEqual(command);
  expect(spec({})).not.toHaveProperty("Cmd");
});

test("cores and memory become limits without swap; zero is no limit", () => {
  expect(spec({ cpu: 0.25, memoryMib: 32 }).HostConfig).toMatchObject({
    NanoCpus: 250_000_000,
    Memory: 33_554_432,
    MemorySwap: 33_554_432,
  });
  const unlimited = spec({ cpu: 0, memoryMib: 0 }).HostConfig;
  expect(unlimited).not.toHaveProperty("NanoCpus");
  expect(unlimited).not.toHaveProperty("Memory");
  expect(unlimited).not.toHaveProperty("MemorySwap");
});

test("less memory than a container can have is refused in words", () => {
  expect(containerSpec(assigned({ memoryMib: 3 }), byContainer)).toEqual({
    ok: false,
    error: "memory is 3 MiB: a container needs 4 MiB or more, or 0 for no limit",
  });
  expect(containerSpec(assigned({ memoryMib: 4 }), byContainer).ok).toBe(true);
});

test("Eru's variables tell a workload who and where it is", () => {
  const { Env: env } = spec({ env: { COLOUR: "red", EMPTY: "" } });
  expect(env).toEqual([
    "COLOUR=red",
    "EMPTY=",
    "APP_NAME=shop",
    "ERU_POD=p1",
    "ERU_NODE_NAME=n1",
    "ERU_NODE_IP=192.0.2.1",
    "ERU_WORKLOAD=shop-web-abc123-1",
    "ERU_DEPLOYMENT=shop-web-abc123",
    "ERU_ENTRYPOINT=web",
    "ERU_RELEASE=r1",
  ]);
});

test("the deployment's variables override the entrypoint's", () => {
  const order = assigned({ env: { COLOUR: "red" } });
  order.template.env = { COLOUR: "blue" };
  const answer = containerSpec(order, byContainer);
  expect(answer.ok && answer.spec.Env[0]).toBe("COLOUR=blue");
});

describe("published ports", () => {
  test("are mapped to free ports of the node when the node is advertised", () => {
    expect(spec({ publish: [8080, 9090] }, byNode).HostConfig.PortBindings).toEqual({
      "8080/tcp": [{ HostIp: "192.0.2.1", HostPort: "" }],
      "9090/tcp": [{ HostIp: "192.0.2.1", HostPort: "" }],
    });
  });

  test("are not mapped when the container is advertised, nor on the host's network", () => {
    expect(spec({ publish: [8080] }).HostConfig.PortBindings).toEqual({});
    const host = spec({ publish: [8080], network: "host" }, byNode).HostConfig;
    expect(host.PortBindings).toEqual({});
    expect(host.NetworkMode).toBe("host");
  });
});

test("the engine never restarts by itself, keeps bounded output and gives no new privileges", () => {
  expect(spec({}).HostConfig).toMatchObject({
    RestartPolicy: { Name: "no" },
    SecurityOpt: ["no-new-privileges:true"],
    LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
  });
});

test("the digest depends on what runs, not on the order of keys", () => {
  const order = assigned({ env: { ONE: "1", TWO: "2" } });
  const turned = assigned({ env: { TWO: "2", ONE: "1" } });
  expect(specDigest(order)).toBe(specDigest(turned));
  expect(specDigest(order)).toMatch(/^[0-9a-f]{16}$/);
  expect(specDigest(assigned({ env: { ONE: "1", TWO: "3" } }))).not.toBe(specDigest(order));
  expect(specDigest(assigned({ cpu: 0.2 }))).not.toBe(specDigest(assigned({ cpu: 0.1 })));
});

test("the parts of the node that were granted are what the engine is told", () => {
  const volumes = [
    { to: "/data", sizeMib: 10 },
    { from: "/srv/www", to: "/www", sizeMib: 0, readOnly: true },
  ];
  const { HostConfig: host, ExposedPorts: ports } = spec(
    {
      resources: { cpu: 1.5, bind: true, volumes, ports: [{ hostPort: 80, port: 8081 }] },
      granted: {
        cores: { "0": 100, "3": 50 },
        volumes: [{ to: "/data", path: "/mnt/a", sizeMib: 10 }],
      },
    },
    { ...byNode, mountable: ["/srv"] } as typeof byNode,
  );
  expect(host).toMatchObject({
    CpusetCpus: "0,3",
    CpuShares: 512,
    Binds: ["/mnt/a/shop-web-abc123-1/data:/data:rw", "/srv/www:/www:ro"],
    PortBindings: {
      "8080/tcp": [{ HostIp: "192.0.2.1", HostPort: "" }],
      "8081/tcp": [{ HostIp: "192.0.2.1", HostPort: "80" }],
    },
  });
  expect(host).not.toHaveProperty("NanoCpus");
  expect(Object.keys(ports)).toEqual(["8080/tcp", "8081/tcp"]);
});

test.each([["/srv"], ["/srv/"]])("of %s only what lies below may be mounted", (allowed) => {
  const mounting = (from: string) =>
    containerSpec(assigned({ resources: { volumes: [{ from, to: "/a", sizeMib: 0 }] } }), {
      ...byNode,
      mountable: [allowed],
    });
  expect(mounting("/srv/x").ok).toBe(true);
  expect(mounting("/srvx")).toMatchObject({
    ok: false,
    error:
      "/srvx may not be mounted on n1: start its agent with ERU_AGENT_MOUNTS=/srvx, or ask for an AUTO volume",
  });
});
