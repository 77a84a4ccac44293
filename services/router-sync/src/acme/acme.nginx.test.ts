// Certificates got from an ACME directory by two load balancers, each a real nginx.
import { connect } from "node:tls";
import { type AcmeEvent, decodeMessage, type EruEvent, subjects } from "@eru/events";
import { MemoryBroker } from "@eru/log";
import { AcmeDirectory, type Place } from "@eru/testing/acme";
import { certificateOwner, SealKeys, withNewSealKey } from "@eru/tls";
import { afterEach, expect, test } from "vitest";
import { route } from "../testing.ts";
import { write } from "../testing-log.ts";
import { type Elb, prepareElb, until } from "../testing-nginx.ts";
import { atEnd, endAll, type Running, ready, run } from "../testing-service.ts";

afterEach(endAll);

const seal = SealKeys.fromText(withNewSealKey(undefined));
const host = "www.example.org";
const dayMs = 86_400_000;

/** Two load balancers and a directory; `places` is its DNS. The first has the lease. */
async function zone() {
  const places = new Map<string, Place>();
  const directory = await AcmeDirectory.start((name) => places.get(name));
  atEnd(() => directory.stop());
  const broker = new MemoryBroker();
  const acme = { directory: directory.url, email: "ops@example.org", seal, renewGapMs: 0 };
  const one = async (name: string) => {
    const elb = await prepareElb({
      openKey: (sealed, certificate) => seal.open(sealed, certificateOwner(certificate)),
    });
    atEnd(elb.stop);
    const running = await run(broker, { elb, name, acme });
    await ready(running);
    return running;
  };
  const [holder, other] = [await one("first"), await one("second")];
  const at = ({ elb }: Running): Place => ({ host: "127.0.0.1", port: elb.port });
  return { broker, directory, places, holder, other, at };
}

/** Hosts that shall have a certificate, by the route's wish. */
const acmeRoute = (name: string): EruEvent => ({
  ...route(name, "/ hello/web"),
  tls: { certificate: { acme: true }, redirectHttp: true, minVersion: "1.2" },
});

const history = async (broker: MemoryBroker, certificate: string): Promise<AcmeEvent[]> =>
  (await broker.log.read(subjects.acme(certificate), 1)).flatMap((message) =>
    decodeMessage(message).map(({ event }) => event as AcmeEvent),
  );
const types = async (broker: MemoryBroker, certificate: string) =>
  (await history(broker, certificate)).map(({ type }) => type);

/** Whether a client that trusts the directory's authority trusts the load balancer as this host. */
const trusted = (elb: Elb, directory: AcmeDirectory, servername: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(
      { port: elb.tlsPort, host: "127.0.0.1", servername, ca: directory.authority.rootPem },
      () => {
        resolve(true);
        socket.destroy();
      },
    );
    socket.on("error", () => resolve(false));
  });

test("a load balancer without the lease answers the challenge, and both serve the certificate", async () => {
  const { broker, directory, places, holder, other, at } = await zone();
  places.set(host, at(other));
  await write(broker, acmeRoute(host));
  for (const { elb } of [holder, other])
    await until("the certificate is served", () => trusted(elb, directory, host));
  expect(directory.fetched).toEqual([host]);
  expect(await types(broker, host)).toEqual(["AcmeChallengesSet", "AcmeCertificateIssued"]);

  // The lease moves on; the account and the certificate are known there.
  broker.lease.expire("acme");
  places.set("shop.example.org", at(holder));
  await write(broker, {
    type: "CertificateOrdered",
    certificate: "shop",
    hosts: ["shop.example.org", host],
  });
  await until("both hosts are in one", () => trusted(other.elb, directory, "shop.example.org"));
  expect(directory).toMatchObject({ issued: 2, accounts: 1 });

  // No key is in the log in clear, and no token is answered any more.
  const pages = broker.log.follow({ fromSeq: 1, signal: AbortSignal.timeout(5_000) });
  for await (const { messages } of pages) {
    expect(messages.map(({ body }) => body).join()).not.toMatch(/PRIVATE KEY/);
    break;
  }
  const [set] = await history(broker, host);
  const token = set?.type === "AcmeChallengesSet" && set.challenges[0]?.token;
  expect((await holder.elb.admin.table()).table.has(`a:${token}`)).toBe(false);
});

test("a certificate in the last third of its life is renewed, once", async () => {
  const { broker, directory, places, other, at } = await zone();
  places.set(host, at(other));
  const lives = [89, 0];
  directory.life = () => {
    const oldMs = (lives.shift() ?? 0) * dayMs;
    const from = Date.now() - 60_000 - oldMs;
    return { notBefore: new Date(from), notAfter: new Date(from + 90 * dayMs) };
  };
  await write(broker, acmeRoute(host));
  const issued = async () =>
    (await history(broker, host)).filter((one) => one.type === "AcmeCertificateIssued");
  await until("it is renewed", async () => (await issued()).length === 2);
  const [before, after] = await issued();
  expect((after?.notAfter ?? "") > (before?.notAfter ?? "")).toBe(true);
  expect(after?.sealedKey).not.toBe(before?.sealedKey);
  expect(await types(broker, host)).toHaveLength(4);
});

test("an order that fails is on record in the directory's words, and does not hold up others", async () => {
  const { broker, directory, places, other, at } = await zone();
  const bad = "gone.example.org";
  await write(broker, acmeRoute(bad));
  const failed = async () => (await history(broker, bad)).filter((one) => one.type === "AcmeOrderFailed");
  await until("it failed", async () => (await failed()).length > 0);
  expect(await failed()).toMatchObject([
    { hosts: [bad], failures: 1, error: `${bad}: DNS problem: NXDOMAIN looking up A for ${bad}` },
  ]);
  const retryAt = Date.parse((await failed())[0]?.retryAt ?? "");
  expect(retryAt - Date.now()).toBeGreaterThan(4 * 60_000);

  places.set(host, at(other));
  await write(broker, acmeRoute(host));
  await until("the other one is served", () => trusted(other.elb, directory, host));
  expect(await failed()).toHaveLength(1); // It waits.

  // A user who put it right asks again, and it is tried at once.
  places.set(bad, at(other));
  await write(broker, { type: "CertificateOrdered", certificate: "gone", hosts: [bad] });
  await until("it is there", () => trusted(other.elb, directory, bad));
});

test("a directory that cannot be reached is on record too", async () => {
  const { broker, directory } = await zone();
  await directory.stop();
  await write(broker, acmeRoute(host));
  await until("it failed", async () => (await types(broker, host)).includes("AcmeOrderFailed"));
  const [failed] = await history(broker, host);
  expect(failed).toMatchObject({ error: expect.stringContaining(`cannot ask the ACME directory at`) });
});
