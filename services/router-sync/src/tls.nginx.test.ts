// TLS of a real nginx: which certificate a name gets, and that keys are nowhere but in memory.
import { readdir, readFile, readlink } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { TestAuthority } from "@eru/testing/authority";
import { certificateOwner, SealKeys, withNewSealKey } from "@eru/tls";
import { afterEach, expect, test } from "vitest";
import type { KeyOpener } from "./boot-keys.ts";
import { bootText } from "./nginx-admin.ts";
import { type Elb, prepareElb, startElb, tableOf, whole } from "./testing-nginx.ts";
import { atEnd, backend, endAll } from "./testing-service.ts";

afterEach(endAll);

const authority = await TestAuthority.create();
const seal = SealKeys.fromText(withNewSealKey(undefined));
const openKey: KeyOpener = (sealed, name) => seal.open(sealed, certificateOwner(name));

type Issued = Awaited<ReturnType<TestAuthority["issue"]>>;
const issue = (...hosts: string[]) => authority.issue({ hosts });
/** A line of the table, as the log has it: with the key sealed. */
const jsonOf = (name: string, { chainPem, keyPem }: Pick<Issued, "chainPem" | "keyPem">): string =>
  JSON.stringify({ name, cert: chainPem, sealed: seal.seal(keyPem, certificateOwner(name)) });

async function start(lines: Record<string, string>): Promise<Elb> {
  const table = tableOf({}, {});
  for (const [key, json] of Object.entries(lines)) table.set(key, json);
  const elb = await startElb(table, { openKey });
  atEnd(elb.stop);
  return elb;
}

/** A handshake: the name of the certificate that was shown, whether a client trusts it, and the version. */
function shake(
  elb: Elb,
  servername: string | undefined,
  options: { maxVersion?: "TLSv1.2" | "TLSv1.3"; ALPNProtocols?: string[] } = {},
): Promise<{
  serial: string;
  subject: string;
  trusted: boolean;
  version: string;
  alpn: string | false | null;
}> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect(
      {
        port: elb.tlsPort,
        host: "127.0.0.1",
        ca: authority.rootPem,
        rejectUnauthorized: false,
        ...(servername !== undefined && { servername }),
        ...options,
      },
      () => {
        const certificate = socket.getPeerCertificate();
        const cn = certificate.subject.CN;
        resolve({
          serial: certificate.serialNumber,
          subject: (Array.isArray(cn) ? cn[0] : cn) ?? "",
          trusted: socket.authorized,
          version: socket.getProtocol() ?? "",
          alpn: socket.alpnProtocol,
        });
        socket.destroy();
      },
    );
    socket.on("error", reject);
  });
}

/** One request over TLS, each on its own connection. */
function ask(elb: Elb, host: string, options: { maxVersion?: "TLSv1.2"; sni?: string } = {}) {
  return new Promise<{ status: number; reason: unknown }>((resolve, reject) => {
    const asked = request(
      {
        ...{ host: "127.0.0.1", port: elb.tlsPort, ca: authority.rootPem, agent: false },
        ...{ servername: options.sni ?? host, headers: { host } },
        ...(options.maxVersion && { maxVersion: options.maxVersion }),
      },
      (answer) => {
        answer
          .resume()
          .on("end", () =>
            resolve({ status: answer.statusCode ?? 0, reason: answer.headers["x-eru-reason"] }),
          );
      },
    );
    asked.on("error", reject).end();
  });
}

test("a name gets its own certificate, else the wildcard's of one label, else the placeholder", async () => {
  const [www, wild] = [await issue("www.example.org"), await issue("*.example.org")];
  const elb = await start({
    "c:www.example.org": jsonOf("www", www),
    "c:*.example.org": jsonOf("wild", wild),
  });
  expect(await shake(elb, "www.example.org")).toMatchObject({ subject: "www.example.org", trusted: true });
  expect(await shake(elb, "WWW.EXAMPLE.ORG")).toMatchObject({ subject: "www.example.org" });
  expect(await shake(elb, "api.example.org")).toMatchObject({ subject: "*.example.org", trusted: true });
  const placeholder = { subject: "no certificate for this host", trusted: false };
  for (const name of ["x.api.example.org", "example.org", "example.com", undefined])
    expect(await shake(elb, name), name).toMatchObject(placeholder);
});

test("HTTP/2 is offered, and requests over TLS are routed like others", async () => {
  const one = await backend("one");
  const table = tableOf({ "a/web": [one.endpoint] }, { "www.example.org": ["/ a/web"] });
  table.set("c:www.example.org", jsonOf("www", await issue("www.example.org")));
  const elb = await startElb(table, { openKey });
  atEnd(elb.stop);
  expect(await shake(elb, "www.example.org", { ALPNProtocols: ["h2", "http/1.1"] })).toMatchObject({
    alpn: "h2",
  });
  expect(await ask(elb, "www.example.org")).toMatchObject({ status: 200 });
});

test("a host may ask for TLS 1.3, and no request reaches it over less", async () => {
  const both = await issue("new.example.org", "old.example.org");
  const elb = await start({
    "c:new.example.org": jsonOf("both", both),
    "c:old.example.org": jsonOf("both", both),
    "t:new.example.org": JSON.stringify({ min: "1.3" }),
  });
  expect(await shake(elb, "new.example.org")).toMatchObject({ version: "TLSv1.3" });
  expect(await shake(elb, "old.example.org", { maxVersion: "TLSv1.2" })).toMatchObject({
    version: "TLSv1.2",
  });
  await expect(shake(elb, "new.example.org", { maxVersion: "TLSv1.2" })).rejects.toThrow(/protocol version/i);
  // A connection made for another host does not help.
  expect(await ask(elb, "new.example.org", { maxVersion: "TLSv1.2", sni: "old.example.org" })).toEqual({
    status: 421,
    reason: "tls_version",
  });
});

test("a certificate that does not fit its key is refused and the one before stays", async () => {
  const [good, other] = [await issue("www.example.org"), await issue("www.example.org")];
  const elb = await start({ "c:www.example.org": jsonOf("www", good) });
  const before = await shake(elb, "www.example.org");
  const wrong = [
    { chainPem: good.chainPem, keyPem: other.keyPem },
    { chainPem: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", keyPem: good.keyPem },
    { chainPem: good.chainPem, keyPem: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" },
  ];
  for (const pair of wrong) {
    const line = { key: "c:www.example.org", json: jsonOf("www", pair) };
    const answer = await elb.admin.delta({ epoch: "e1", base: 10, seq: 11 }, [line]);
    expect(answer).toMatchObject({ ok: false, why: "line", key: "c:www.example.org" });
    expect(JSON.stringify(answer)).not.toMatch(/AAAA|PRIVATE/);
  }
  const sealedForOther = {
    key: "c:www.example.org",
    json: jsonOf("other", good).replace('"other"', '"www"'),
  };
  expect(await elb.admin.delta({ epoch: "e1", base: 10, seq: 11 }, [sealedForOther])).toMatchObject({
    ok: false,
    why: "line",
  });
  expect(await shake(elb, "www.example.org")).toEqual(before);
});

test("a renewal under load fails no handshake, and every connection after the answer has the new one", async () => {
  const pair = [await issue("www.example.org"), await issue("www.example.org")];
  const elb = await start({ "c:www.example.org": jsonOf("www", pair[0]!) });
  const serials = new Set<string>();
  let shakes = 0;
  let loading = true;
  const load = async () => {
    for (; loading; shakes++) serials.add((await shake(elb, "www.example.org")).serial);
  };
  const loads = [load(), load(), load(), load()];
  const jsons = pair.map((one) => jsonOf("www", one));
  for (let seq = 11; seq < 51; seq++) {
    const json = jsons[seq % 2]!;
    const answer = await elb.admin.delta({ epoch: "e1", base: seq - 1, seq }, [
      { key: "c:www.example.org", json },
    ]);
    expect(answer).toMatchObject({ ok: true });
    const after = await Promise.all([1, 2, 3].map(() => shake(elb, "www.example.org")));
    expect(new Set(after.map(({ serial }) => serial)).size).toBe(1);
  }
  loading = false;
  await Promise.all(loads); // Rejects when one handshake failed.
  expect(shakes).toBeGreaterThan(50);
  expect(serials.size).toBe(2);
});

test("when a certificate goes, its host falls to the placeholder and others are untouched", async () => {
  const [a, b] = [await issue("a.org"), await issue("b.org")];
  const elb = await start({ "c:a.org": jsonOf("a", a), "c:b.org": jsonOf("b", b) });
  expect(await elb.admin.delta({ epoch: "e1", base: 10, seq: 11 }, [{ key: "c:a.org" }])).toMatchObject({
    ok: true,
  });
  expect(await shake(elb, "a.org")).toMatchObject({ trusted: false });
  expect(await shake(elb, "b.org")).toMatchObject({ trusted: true });
});

/** Every file below a directory, as one text. */
async function everything(dir: string): Promise<string> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const texts = entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith("placeholder"))
    .map((entry) => readFile(join(entry.parentPath, entry.name), "utf8"));
  return (await Promise.all(texts)).join("\n");
}

test("private keys are in no file and in no answer, and a start from the boot file has them all the same", async () => {
  const issued = await issue("www.example.org");
  const elb = await prepareElb({ openKey });
  atEnd(elb.stop);
  const json = jsonOf("www", issued);
  await elb.nginx.writeBootFile(bootText({ epoch: "e1", seq: 10 }, new Map([["c:www.example.org", json]])));
  await elb.nginx.start("b1");
  const { masterPid } = await whole(elb);
  expect(await shake(elb, "www.example.org")).toMatchObject({ trusted: true });
  const secret = issued.keyPem.split("\n")[1] ?? "";
  expect(secret.length).toBeGreaterThan(30);
  expect(await everything(elb.dir)).not.toContain(secret);
  for (const path of ["/v1/table", "/v1/status", "/metrics"])
    expect((await elb.call("GET", path)).text).not.toContain(secret.slice(0, 20));
  // What is told of a line is what the log says: a router-sync that takes over finds no difference.
  expect((await elb.admin.table()).table.get("c:www.example.org")).toBe(json);
  // The descriptor they came through is closed.
  const files = await readdir(`/proc/${masterPid}/fd`);
  const links = await Promise.all(
    files.map((file) => readlink(`/proc/${masterPid}/fd/${file}`).catch(() => "")),
  );
  expect(links.filter((link) => link.includes("/dev/shm/eru-"))).toEqual([]);
});

test("a machine without the seal key starts, serves the placeholder, and refuses the line when it is pushed", async () => {
  const json = jsonOf("www", await issue("www.example.org"));
  const elb = await startElb(new Map([["c:www.example.org", json]]));
  atEnd(elb.stop);
  expect(await shake(elb, "www.example.org")).toMatchObject({ trusted: false });
  expect(
    await elb.admin.delta({ epoch: "e1", base: 10, seq: 11 }, [{ key: "c:www.example.org", json }]),
  ).toMatchObject({ ok: false, why: "line", reason: expect.stringContaining("ERU_SEAL_KEY_FILE") });
});

test("an ACME token is answered on any host, before any route; other tokens are routed", async () => {
  const token = "t".repeat(43);
  const one = await backend("one");
  const table = tableOf({ "a/web": [one.endpoint] }, { "a.org": ["/ a/web"] });
  table.set(`a:${token}`, JSON.stringify({ answer: `${token}.key` }));
  const elb = await startElb(table, { openKey });
  atEnd(elb.stop);
  const get = async (host: string, path: string) => {
    const answer = await fetch(`http://127.0.0.1:${elb.port}${path}`, { headers: { host } });
    return { status: answer.status, text: await answer.text() };
  };
  const path = "/.well-known/acme-challenge/";
  expect(await get("nobody.org", path + token)).toEqual({ status: 200, text: `${token}.key` });
  expect((await get("nobody.org", `${path}other`)).status).toBe(404);
});
