// Writes the configuration of an installation for systemd or compose:
//   node infra/local/src/init-main.ts --dir DIR [--node NAME]... [--elb NAME]... [--for compose|systemd] [--nats HOST] [--rotate-seal-key]
//     [--acme-directory URL --acme-email ADDRESS --acme-agree]
import { parseArgs } from "node:util";
import { init } from "./init.ts";

const { values } = parseArgs({
  options: {
    dir: { type: "string" },
    node: { type: "string", multiple: true, default: ["n1"] },
    elb: { type: "string", multiple: true, default: ["elb1"] },
    for: { type: "string", default: "systemd" },
    nats: { type: "string", default: "127.0.0.1" },
    "rotate-seal-key": { type: "boolean", default: false },
    "acme-directory": { type: "string" },
    "acme-email": { type: "string" },
    "acme-agree": { type: "boolean", default: false },
  },
});
const compose = values.for === "compose";
if (!values.dir || (!compose && values.for !== "systemd")) {
  console.error("--dir DIR is needed; --for is compose or systemd");
  process.exit(2);
}
const { "acme-directory": directory, "acme-email": email } = values;
if (directory !== undefined && (email === undefined || !values["acme-agree"])) {
  console.error(
    "--acme-directory needs --acme-email and --acme-agree (to the terms of the directory's operator)",
  );
  process.exit(2);
}
const written = init({
  directory: values.dir,
  nodes: values.node,
  elbs: values.elb,
  natsUrl: {
    services: compose ? "nats://nats:4222" : `nats://${values.nats}:4222`,
    nodes: `nats://${values.nats}:4222`,
  },
  // Inside a container the published port decides who can reach it.
  natsListen: { host: compose ? "0.0.0.0" : values.nats, port: 4222 },
  natsStoreDir: compose ? "/data" : "/var/lib/eru/nats",
  httpHost: compose ? "0.0.0.0" : "127.0.0.1",
  // In containers a volume: infra/compose/compose.yaml fills it.
  sealKeyFile: "/etc/eru/seal.json",
  ...(directory !== undefined && email !== undefined && { acme: { directory, email } }),
  rotateSealKey: values["rotate-seal-key"],
});
console.log(`${values.dir}: ${written.join(", ")}`);
