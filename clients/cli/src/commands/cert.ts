import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { moment } from "../render/event.ts";
import { details } from "../render/table.ts";
import type { Tone } from "../render/text.ts";
import { printable } from "../render/text.ts";
import { Certificate, CertificateChain } from "../views.ts";
import { answerList, group, path, recorded } from "./common.ts";

/** Largest PEM file that is read, in bytes. */
const pemBytesMax = 128 * 1024;

/** `eru cert`. */
export function addCert(cli: Cli): void {
  const cert = group(cli, "cert", "certificates for hosts served over TLS");
  addQueries(cli, cert);
  cert
    .command("put")
    .description("store a certificate with its key, or replace it; the key is sealed on arrival")
    .argument("<name>", "what routes name it by")
    .requiredOption("--cert <chain.pem>", "the host's certificate, then each one's signer")
    .requiredOption("--key <key.pem>", "the private key, not encrypted")
    .action((name: string, files: { cert: string; key: string }) =>
      cli.withApi(async (api) => {
        const body = { chain: readPem(cli, "--cert", files.cert), key: readPem(cli, "--key", files.key) };
        const answer = await api.order("PUT", path`/v1/certificates/${name}`, body);
        await recorded(cli, api, answer, `certificate ${name} stored`);
      }),
    );
  addAcme(cli, cert);
  cert
    .command("remove")
    .alias("rm")
    .description("remove a certificate that no route names")
    .argument("<name>")
    .action((name: string) =>
      cli.withApi(async (api) => {
        const answer = await api.order("DELETE", path`/v1/certificates/${name}`);
        await recorded(cli, api, answer, `certificate ${name} removed`);
      }),
    );
}

/** The server says why a wildcard cannot be ordered; its name must not be what is wrong. */
const nameOf = (host: string): string => host.replaceAll(".", "-").replace("*", "any");

function addAcme(cli: Cli, cert: Command): void {
  cert
    .command("acme")
    .description("get a certificate from the ACME directory, and renew it in time; again: try now")
    .argument("<host...>", "exact names, all of them in one certificate")
    .option("--name <name>", "what routes name it by; else the first host, with dashes for dots")
    .action((hosts: string[], { name = nameOf(hosts[0] ?? "") }: { name?: string }) =>
      cli.withApi(async (api) => {
        const answer = await api.order("PUT", path`/v1/certificates/${name}/order`, { hosts });
        await recorded(cli, api, answer, `certificate ${name} ordered: see \`eru cert show ${name}\``);
      }),
    );
}

function addQueries(cli: Cli, cert: Command): void {
  cert
    .command("list")
    .alias("ls")
    .description("all certificates, and how long each is good for")
    .action(() =>
      cli.withApi(async (api) => {
        const all = await api.list("/v1/certificates", Certificate);
        const empty =
          "there are no certificates yet: store one with `eru cert put`, or order one with `eru cert acme`";
        answerList(cli, all, columns, empty);
      }),
    );
  cert
    .command("show")
    .description("one certificate with its chain")
    .argument("<name>")
    .action((name: string) =>
      cli.withApi(async (api) => {
        const one = await api.query(path`/v1/certificates/${name}`, CertificateChain);
        const chain = one.chainPem === null ? "" : `\n${printable(one.chainPem).trimEnd()}\n`;
        cli.answer(one, () => `${details(pairs(one), cli.look)}${chain}`);
      }),
    );
}

/** Neither text nor reason is shown when it cannot be read: it may hold a key. */
function readPem(cli: Cli, option: string, file: string): string {
  const fault = (why: string) => new CliError(exitCodes.usage, `cannot read ${option} ${file}: ${why}`);
  const full = resolve(cli.io.cwd, file);
  const found = statSync(full, { throwIfNoEntry: false });
  if (!found) throw fault("there is no such file");
  if (!found.isFile()) throw fault("it is not a file");
  if (found.size > pemBytesMax) throw fault(`it has ${found.size} bytes, at most ${pemBytesMax}`);
  return readFileSync(full, "utf8");
}

const toneOf = ({ state }: Certificate): Tone | undefined =>
  state === "valid" || state === "pending" ? undefined : state === "expiring" ? "busy" : "bad";

const columns = [
  { title: "certificate", cell: (one: Certificate) => one.certificate },
  { title: "source", cell: (one: Certificate) => one.source },
  { title: "state", cell: (one: Certificate) => one.state, tone: toneOf },
  { title: "days left", cell: (one: Certificate) => one.daysLeft ?? undefined, align: "right" as const },
  { title: "hosts", cell: (one: Certificate) => one.hosts.join(" "), flexible: true as const },
  { title: "used by", cell: (one: Certificate) => one.usedBy.join(" "), flexible: true as const },
] as const;

const pairs = (one: Certificate) =>
  [
    ["certificate", one.certificate],
    ["source", one.source === "acme" ? `ACME, ${one.directory ?? "not asked yet"}` : "stored"],
    ["state", one.state],
    ["hosts", one.hosts.join(" ")],
    ["used by", one.usedBy.length === 0 ? "no route names it" : one.usedBy.join(" ")],
    ["good until", one.notAfter === null ? undefined : `${moment(one.notAfter)} (${one.daysLeft} days)`],
    ["issuer", one.issuer ?? undefined],
    ["key", one.keyType ?? undefined],
    ["sha256", one.fingerprint ?? undefined],
    ["last error", one.error ?? undefined],
    ["failures", one.failures === 0 ? undefined : `${one.failures}, next try ${one.retryAt ?? "soon"}`],
    ["changed", `${moment(one.changedAt)} by ${one.changedBy}`],
  ] as const;
