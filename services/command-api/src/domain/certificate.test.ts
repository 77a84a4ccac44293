import type { CertificateMaterial, RouteTls } from "@eru/events";
import { specify } from "@eru/testing";
import { expect, test } from "vitest";
import { type Certificate, certificate, tlsFault } from "./certificate.ts";

const { given } = specify(certificate);
const material: CertificateMaterial = {
  chainPem: "PEM 1",
  sealedKey: `eru1.k1.${"A".repeat(16)}.AAAA`,
  hosts: ["www.example.org"],
  notBefore: "2026-01-01T00:00:00.000Z",
  notAfter: "2026-04-01T00:00:00.000Z",
  issuer: "CN=Test",
  fingerprint: "0".repeat(64),
  keyType: "EC prime256v1",
};
const name = "www";
const store = (changes: Partial<CertificateMaterial> = {}) =>
  ({ type: "StoreCertificate", certificate: name, material: { ...material, ...changes } }) as const;
const stored = { type: "CertificateStored", certificate: name, ...material } as const;
const ordered = (...hosts: string[]) => ({ type: "CertificateOrdered", certificate: name, hosts }) as const;
const remove = (...routes: string[]) => ({ type: "RemoveCertificate", certificate: name, routes }) as const;

test("a certificate is stored; the same one again, sealed anew, records nothing", () => {
  given().when(store()).records(stored);
  given(stored)
    .when(store({ sealedKey: `eru1.k2.${"B".repeat(16)}.BBBB` }))
    .recordsNothing();
});

test("another certificate, or another chain, replaces what was", () => {
  const fingerprint = "1".repeat(64);
  given(stored)
    .when(store({ fingerprint }))
    .records({ ...stored, fingerprint });
  given(stored)
    .when(store({ chainPem: "PEM 1 and 2" }))
    .records({ ...stored, chainPem: "PEM 1 and 2" });
  given(ordered("a.org")).when(store()).records(stored);
});

test("a certificate is removed once, unless a route names it or it never was", () => {
  const removed = { type: "CertificateRemoved", certificate: name } as const;
  given(stored).when(remove()).records(removed);
  given(stored, removed).when(remove()).recordsNothing();
  given(stored, removed).when(store()).records(stored);
  given().when(remove()).refuses({ code: "certificate_unknown", certificate: name });
  given(stored)
    .when(remove("a.org"))
    .refuses({ code: "certificate_in_use", hosts: { shown: ["a.org"], total: 1 } });
});

test("a route may name a certificate that is there and good for its host, and no other", () => {
  const tls = (named: RouteTls["certificate"]): RouteTls => ({
    certificate: named,
    redirectHttp: false,
    minVersion: "1.2",
  });
  const known = (certificate: Certificate, acme = false) => ({ certificate, acme });
  const hosts = ["*.example.org"];
  const there = { phase: "ordered", hosts } as const;
  expect(tlsFault("a.org", undefined, known({ phase: "absent" }))).toBeUndefined();
  expect(tlsFault("www.example.org", tls({ name: "www" }), known(there))).toBeUndefined();
  expect(tlsFault("*.example.org", tls({ name: "www" }), known(there))).toBeUndefined();
  expect(tlsFault("example.org", tls({ name: "www" }), known(there))).toMatchObject({
    code: "certificate_other_hosts",
    hosts: { shown: hosts },
  });
  expect(tlsFault("a.org", tls({ name: "www" }), known({ phase: "removed" }))).toMatchObject({
    code: "certificate_unknown",
  });
  expect(tlsFault("a.org", tls({ acme: true }), known({ phase: "absent" }))).toMatchObject({
    code: "acme_unavailable",
  });
  const acme = tls({ acme: true });
  expect(tlsFault("a.org", acme, known({ phase: "absent" }, true))).toBeUndefined();
  for (const host of ["*.a.org", "*", "localhost"])
    expect(tlsFault(host, acme, known({ phase: "absent" }, true))).toMatchObject({
      code: "acme_host_impossible",
      at: "tls.certificate.acme",
    });
});

test("a certificate is ordered where the zone has a directory, for hosts it can look at", () => {
  const order = (hosts: string[], acme = true) =>
    ({ type: "OrderCertificate", certificate: name, hosts, acme }) as const;
  given()
    .when(order(["b.org", "a.org", "b.org"]))
    .records(ordered("a.org", "b.org"));
  // Again is now: the pause after a failure ends.
  given(ordered("a.org"))
    .when(order(["a.org"]))
    .records(ordered("a.org"));
  given()
    .when(order(["a.org"], false))
    .refuses({ code: "acme_unavailable", host: "a.org" });
  given()
    .when(order(["a.org", "*.a.org"]))
    .refuses({ code: "acme_host_impossible", host: "*.a.org" });
  given(stored)
    .when(order(["a.org"]))
    .refuses({ code: "certificate_stored", certificate: name });
});
