import type { EruEvent, RecordedEvent } from "@eru/events";
import { expect, test } from "vitest";
import { recorder, route, routeRemoved } from "../testing.ts";
import { AcmeOrders, failurePauseMs, renewAtMs, renewGapMs } from "./acme-orders.ts";

const directory = "https://acme.example.org/directory";
const certificate = "www";
const hosts = ["a.org", "b.org"];
const ordered = { type: "CertificateOrdered", certificate, hosts } as const;
const startMs = Date.parse("2026-01-01T00:00:00.000Z"); // When the recorder's events happen.
const dayMs = 86_400_000;
const iso = (days: number) => new Date(startMs + days * dayMs).toISOString();
const material = (names: readonly string[], from = 0, to = 90) => ({
  ...{ chainPem: "PEM", sealedKey: `eru1.k1.${"A".repeat(16)}.AAAA`, hosts: [...names] },
  ...{ notBefore: iso(from), notAfter: iso(to) },
  ...{ issuer: "CN=Test", fingerprint: "0".repeat(64), keyType: "EC prime256v1" },
});
const issued = (name = certificate, names: readonly string[] = hosts, at = directory) =>
  ({ type: "AcmeCertificateIssued", certificate: name, directory: at, ...material(names) }) as const;
const failed = (failures: number, days: number, name = certificate) =>
  ({
    type: "AcmeOrderFailed",
    certificate: name,
    directory,
    hosts,
    failures,
    error: "no",
    retryAt: iso(days),
  }) as const;
const acmeRoute = (host: string, rule = "/ hello/web"): EruEvent => ({
  ...route(host, rule),
  tls: { certificate: { acme: true }, redirectHttp: false, minVersion: "1.2" },
});

function after(...events: readonly EruEvent[]) {
  const orders = new AcmeOrders(directory);
  const record = recorder();
  const recorded: RecordedEvent[] = events.map((event) => record(event));
  for (const one of recorded) orders.apply(one);
  return { orders, due: (days: number) => orders.due(startMs + days * dayMs).map((one) => one.certificate) };
}

test("what is wanted and not there is due at once, with its wish as the cause", () => {
  const { orders } = after(ordered);
  expect(orders.due(startMs)).toEqual([
    { certificate, hosts, failures: 0, lastSeq: 0, cause: { correlationId: "c1", causationId: "m1/0" } },
  ]);
  expect(after(acmeRoute("a.org")).orders.due(startMs)).toMatchObject([
    { certificate: "a.org", hosts: ["a.org"] },
  ]);
  expect(after(route("a.org", "/ hello/web")).orders.nextAtMs()).toBeUndefined();
});

test("what is there is due when two thirds of its life are over, not a moment before", () => {
  expect(renewAtMs({ notBefore: iso(0), notAfter: iso(90) })).toBe(startMs + 60 * dayMs);
  const { orders, due } = after(ordered, issued());
  expect(orders.nextAtMs()).toBe(startMs + 60 * dayMs);
  expect(orders.due(startMs + 60 * dayMs - 1)).toEqual([]);
  expect(due(60)).toEqual([certificate]);
});

test("a certificate that is old when it comes is not asked for again at once", () => {
  const old = { ...issued(), notBefore: iso(-80), notAfter: iso(10) };
  const { orders } = after(ordered, old);
  expect(orders.nextAtMs()).toBe(startMs + renewGapMs);
});

test("after a failure it waits for its time, whether it is new or a renewal", () => {
  const fresh = after(ordered, failed(1, 1));
  expect([fresh.due(0.99), fresh.due(1)]).toEqual([[], [certificate]]);
  expect(fresh.orders.due(startMs + dayMs)).toMatchObject([{ failures: 1, lastSeq: 2 }]);
  const renewal = after(ordered, issued(), failed(3, 70));
  expect([renewal.due(69), renewal.due(70)]).toEqual([[], [certificate]]);
  expect(after(ordered, failed(1, 80), issued()).due(60)).toEqual([certificate]);
});

test("asked for again it is tried at once; a route that changes otherwise does not cut the pause short", () => {
  expect(after(ordered, failed(1, 1), ordered).due(0)).toEqual([certificate]);
  const wish = acmeRoute("a.org");
  expect(after(wish, failed(1, 1, "a.org"), acmeRoute("a.org", "/ other/web")).due(0)).toEqual([]);
  expect(after(wish, failed(1, 1, "a.org"), routeRemoved("a.org"), wish).due(0)).toEqual(["a.org"]);
});

test("more hosts, or another directory, need a new certificate; fewer hosts do not", () => {
  expect(after(ordered, issued(), { ...ordered, hosts: [...hosts, "c.org"] }).due(0)).toEqual([certificate]);
  expect(after(ordered, issued(), { ...ordered, hosts: ["a.org"] }).due(0)).toEqual([]);
  const elsewhere = "https://other.example.org/directory";
  expect(after(ordered, issued(certificate, hosts, elsewhere)).due(0)).toEqual([certificate]);
  expect(after(ordered, { ...failed(1, 1), directory: elsewhere }).due(0)).toEqual([certificate]);
});

test("what is stored, removed or no route's wish any more is not ordered", () => {
  const stored = { type: "CertificateStored", certificate, ...material(hosts) } as const;
  expect(after(ordered, stored).due(1_000)).toEqual([]);
  expect(after(ordered, { type: "CertificateRemoved", certificate }).due(1_000)).toEqual([]);
  expect(after(acmeRoute("a.org"), routeRemoved("a.org")).due(1_000)).toEqual([]);
  expect(after(acmeRoute("a.org"), route("a.org", "/ hello/web")).due(1_000)).toEqual([]);
  // What was got for the route is used again when the wish comes back.
  const again = [acmeRoute("a.org"), issued("a.org", ["a.org"]), routeRemoved("a.org"), acmeRoute("a.org")];
  expect(after(...again).due(0)).toEqual([]);
});

test("hosts that are served nothing yet come before renewals", () => {
  const later = { ...ordered, certificate: "zzz" };
  expect(after(ordered, issued(), later).due(89)).toEqual(["zzz", certificate]);
});

test("pauses double from five minutes to a day, and are as long as the directory asks, a week at most", () => {
  const minutes = (failures: number, asked?: number) => failurePauseMs(failures, asked) / 60_000;
  expect([1, 2, 3, 9, 10, 1_000].map((failures) => minutes(failures))).toEqual([
    5, 10, 20, 1_280, 1_440, 1_440,
  ]);
  expect(minutes(1, 3_600_000)).toBe(60);
  expect(minutes(1, 30 * dayMs)).toBe(7 * 1_440);
});

test("the account is that of this directory", () => {
  const account = (at: string) =>
    ({
      type: "AcmeAccountRegistered",
      directory: at,
      accountUrl: `${at}/1`,
      sealedKey: material([]).sealedKey,
    }) as const;
  const { account: known } = after(account(directory), account("https://other.example.org/")).orders;
  expect(known).toMatchObject({ known: { accountUrl: `${directory}/1` }, lastSeq: 1 });
});
