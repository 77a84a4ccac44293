import { decodeMessage, rulesFrom, subjects } from "@eru/events";
import { createLog } from "@eru/service";
import { TestAuthority } from "@eru/testing/authority";
import { certificateOwner } from "@eru/tls";
import { afterEach, expect, test } from "vitest";
import { record, sealKeys, start } from "../fixture.ts";

const authority = await TestAuthority.create();
const good = await authority.issue({ hosts: ["www.example.org"] });
const url = "/v1/certificates/www";
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(options: Parameters<typeof start>[0] = {}) {
  const api = await start(options);
  closing.push(api.close);
  return api;
}

/** Every part of a key that a reader could recognise. */
const partsOf = (keyPem: string): string[] =>
  keyPem.split("\n").flatMap((line) => (/^[A-Za-z0-9+/=]{16,}$/.test(line) ? [line, line.slice(0, 16)] : []));

test("a stored certificate is in the log with its key sealed, and with nothing of it in clear", async () => {
  const api = await open();
  const answer = await api.send("PUT", url, { chain: good.chainPem, key: good.keyPem });
  expect(answer).toMatchObject({ status: 202, body: { changed: true, certificate: "www" } });
  const [message] = await api.broker.log.read(subjects.certificate("www"), 1);
  if (!message) throw new Error("nothing was recorded");
  const [{ event } = { event: undefined }] = decodeMessage(message);
  if (event?.type !== "CertificateStored") throw new Error("something else was recorded");
  expect(event.hosts).toEqual(["www.example.org"]);
  expect(sealKeys.open(event.sealedKey, certificateOwner("www"))).toBe(good.keyPem);
  for (const part of partsOf(good.keyPem)) expect(message.body).not.toContain(part);
  expect(await api.send("PUT", url, { chain: good.chainPem, key: good.keyPem })).toMatchObject({
    status: 200,
    body: { changed: false },
  });
});

test("a command repeated under its key is the same command, though it seals differently", async () => {
  const api = await open();
  const send = () =>
    api.send("PUT", url, { chain: good.chainPem, key: good.keyPem }, { "idempotency-key": "store-1" });
  const first = await send();
  expect(await send()).toMatchObject({ status: 202, body: { seq: first.body["seq"] } });
});

test("no key gets into a log line, an answer or a metric, whatever is wrong with the request", async () => {
  const lines: string[] = [];
  const log = createLog("test", "trace", { write: (line: string) => void lines.push(line) });
  const api = await open({ log });
  const other = await authority.issue({ hosts: ["www.example.org"] });
  const bodies: unknown[] = [
    { chain: good.chainPem, key: good.keyPem },
    { chain: good.chainPem, key: other.keyPem },
    { chain: good.chainPem, key: [other.keyPem] },
    { chain: good.chainPem, key: { pem: other.keyPem } },
    { chain: good.chainPem, key: other.keyPem.repeat(100) },
    { chain: good.leafPem + other.keyPem, key: good.keyPem },
    { chain: 7, key: other.keyPem, extra: true },
    { chain: good.chainPem, key: other.keyPem.slice(0, 80) },
  ];
  const answers: string[] = [];
  for (const body of bodies) {
    const answer = await api.send("PUT", url, body);
    answers.push(JSON.stringify(answer));
  }
  expect(JSON.parse(answers[0] ?? "")).toMatchObject({ status: 202 });
  expect(lines.length).toBeGreaterThan(0);
  const all = [
    ...answers.slice(0, 5),
    ...answers.slice(6),
    ...lines,
    (await api.send("GET", "/metrics")).body["text"],
  ];
  for (const part of [...partsOf(good.keyPem), ...partsOf(other.keyPem)])
    expect(all.join("\n")).not.toContain(part);
});

test("what is not sound is refused with the field at fault and nothing is recorded", async () => {
  const api = await open();
  const other = await authority.issue({ hosts: ["www.example.org"] });
  const old = await authority.issue({ hosts: ["a.org"], notAfter: new Date(Date.now() - 1_000) });
  const refused = [
    [{ chain: good.chainPem, key: other.keyPem }, "certificate_key_mismatch", "key"],
    [{ chain: old.chainPem, key: old.keyPem }, "certificate_expired", "chain"],
    [
      { chain: authority.intermediatePem + good.leafPem, key: good.keyPem },
      "certificate_chain_order",
      "chain",
    ],
  ] as const;
  for (const [body, code, field] of refused) {
    const answer = await api.refusal("PUT", url, body);
    expect(answer).toMatchObject({ status: 422, code, faults: [{ field }], grew: false });
  }
  expect(await api.refusal("PUT", "/v1/certificates/WWW", {})).toMatchObject({ status: 400 });
  expect(await api.refusal("DELETE", url)).toMatchObject({ status: 404, code: "certificate_unknown" });
});

test("a server without seal keys takes no private key", async () => {
  const api = await open({ sealed: false });
  const answer = await api.refusal("PUT", url, { chain: good.chainPem, key: good.keyPem });
  expect(answer).toMatchObject({ status: 503, code: "no_seal_key", grew: false });
});

test("a certificate that a route names is not removed", async () => {
  const api = await open();
  await api.send("PUT", url, { chain: good.chainPem, key: good.keyPem });
  await record(api.broker, subjects.route("a.org"), {
    type: "RouteDeclared",
    host: "a.org",
    rules: rulesFrom([{ app: "web", entrypoint: "http" }]),
    tls: { certificate: { name: "www" }, redirectHttp: false, minVersion: "1.2" },
  });
  expect(await api.refusal("DELETE", url)).toMatchObject({ status: 409, code: "certificate_in_use" });
  await record(api.broker, subjects.route("a.org"), { type: "RouteRemoved", host: "a.org" });
  expect((await api.send("DELETE", url)).status).toBe(202);
});

test("a certificate is ordered where the zone has a directory, and a route may ask for one of its own", async () => {
  const api = await open({ acme: true });
  const order = () => api.send("PUT", "/v1/certificates/shop/order", { hosts: ["b.org", "a.org"] });
  expect(await order()).toMatchObject({ status: 202, body: { certificate: "shop" } });
  const [message] = await api.broker.log.read(subjects.certificate("shop"), 1);
  expect(message && decodeMessage(message)[0]?.event).toEqual({
    type: "CertificateOrdered",
    certificate: "shop",
    hosts: ["a.org", "b.org"],
  });
  const wild = await api.send("PUT", "/v1/certificates/wild/order", { hosts: ["*.a.org"] });
  expect(wild).toMatchObject({ status: 422, body: { code: "acme_host_impossible" } });
  const tls = { certificate: { acme: true } };
  const rules = [{ id: "none", priority: 0, action: { respond: { status: 204 } } }];
  const declare = (zone: typeof api) => zone.send("PUT", "/v1/routes/a.org", { rules, tls });
  expect(await declare(api)).toMatchObject({ status: 202 });
  const refused = await declare(await open());
  expect(refused).toMatchObject({ status: 422, body: { code: "acme_unavailable" } });
});
