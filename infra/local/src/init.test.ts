import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type InitOptions, init } from "./init.ts";

const directory = mkdtempSync(join(tmpdir(), "eru-init-"));
afterEach(() => rmSync(directory, { recursive: true, force: true }));
const options: InitOptions = {
  directory,
  nodes: ["n1"],
  elbs: ["elb1"],
  natsUrl: { services: "nats://nats:4222", nodes: "nats://10.0.0.1:4222" },
  natsListen: { host: "0.0.0.0", port: 4222 },
  natsStoreDir: "/data",
  httpHost: "0.0.0.0",
};
const read = (file: string) => readFileSync(join(directory, file), "utf8");

test("every process gets a file of its own with its own password, and nobody else can read them", () => {
  const files = init(options);
  expect(files).toContain("node-agent-n1.env");
  for (const file of files) expect(statSync(join(directory, file)).mode & 0o777, file).toBe(0o600);
  const passwords = files
    .filter((file) => file.endsWith(".env"))
    .map((file) => /ERU_NATS_PASSWORD=(.+)/.exec(read(file))?.[1] ?? file);
  expect(new Set(passwords).size).toBe(6);
  for (const password of passwords) expect(read("nats.conf")).toContain(password);
  expect(read("node-agent-n1.env")).toContain("ERU_NATS_URL=nats://10.0.0.1:4222");
  expect(read("scheduler.env")).toContain("ERU_NATS_URL=nats://nats:4222");

  const before = { scheduler: read("scheduler.env"), context: read("context.json") };
  init({ ...options, nodes: ["n1", "n2"] });
  expect({ scheduler: read("scheduler.env"), context: read("context.json") }).toEqual(before);
  expect(read("node-agent-n2.env")).toContain("ERU_NODE=n2");
});

test("the ACME directory is told to who takes orders and who makes them, and to nobody else", () => {
  init({ ...options, acme: { directory: "https://acme.example.org/directory", email: "ops@example.org" } });
  const told = ["command-api", "scheduler", "projector", "router-sync-elb1", "node-agent-n1"].filter((name) =>
    read(`${name}.env`).includes("ERU_ACME_DIRECTORY=https://acme.example.org/directory"),
  );
  expect(told).toEqual(["command-api", "router-sync-elb1"]);
});

test("seal keys are made once, named to who seals and opens, and a rotation keeps those before", () => {
  const sealed = { ...options, sealKeyFile: "/etc/eru/seal.json" };
  init(sealed);
  const first = read("seal.json");
  init(sealed);
  expect(read("seal.json")).toBe(first);
  const named = ["command-api", "scheduler", "projector", "router-sync-elb1", "node-agent-n1"].filter(
    (name) => read(`${name}.env`).includes("ERU_SEAL_KEY_FILE=/etc/eru/seal.json"),
  );
  expect(named).toEqual(["command-api", "router-sync-elb1"]);
  init({ ...sealed, rotateSealKey: true });
  const [before, after] = [JSON.parse(first), JSON.parse(read("seal.json"))];
  expect(after.keys).toMatchObject(before.keys);
  expect(after.current).not.toBe(before.current);
  init(options);
  expect(read("command-api.env")).not.toContain("ERU_SEAL_KEY_FILE");
});
