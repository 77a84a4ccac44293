import { type EruEvent, rulesFrom, subjects } from "@eru/events";
import { expect, test } from "vitest";
import { temporaryFolder } from "../testkit/folder.ts";
import { userActor, World } from "../testkit/world.ts";
import { MemoryZone, startProjector } from "../testkit/zone.ts";

const dayMs = 86_400_000;
const material = (daysLeft: number) => ({
  chainPem: "PEM",
  sealedKey: `eru1.k1.${"A".repeat(16)}.AAAA`,
  hosts: ["a.org"],
  notBefore: "2026-01-01T00:00:00.000Z",
  notAfter: new Date(Date.now() + daysLeft * dayMs + dayMs / 2).toISOString(),
  issuer: "CN=Test",
  fingerprint: "0".repeat(64),
  keyType: "EC prime256v1",
});
const directory = "https://acme.example.org/directory";
const failed: EruEvent = {
  type: "AcmeOrderFailed",
  ...{ certificate: "shop", directory, hosts: ["shop.org"], failures: 2, error: "no route to host" },
  retryAt: "2026-01-01T02:00:00.000Z",
};

/** The list of certificates after these events. */
async function listAfter(...steps: (readonly [string, EruEvent])[]) {
  using folder = temporaryFolder();
  const world = new World();
  for (const [subject, event] of steps) world.append(subject, userActor, [event]);
  const zone = await MemoryZone.open();
  await zone.copy(world.log);
  await using projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  await projector.ready();
  const answer = await projector.get("/v1/certificates");
  const metrics = (await projector.app.inject({ url: "/metrics" })).body;
  return { items: answer.json().items as Record<string, unknown>[], text: answer.body, metrics };
}
const stored = (certificate: string, daysLeft: number) =>
  [
    subjects.certificate(certificate),
    { type: "CertificateStored", certificate, ...material(daysLeft) } as EruEvent,
  ] as const;
const ordered = [
  subjects.certificate("shop"),
  { type: "CertificateOrdered", certificate: "shop", hosts: ["shop.org"] } as EruEvent,
] as const;
const issued = (certificate: string) =>
  [
    subjects.acme(certificate),
    { type: "AcmeCertificateIssued", certificate, directory, ...material(60) } as EruEvent,
  ] as const;
const route = (certificate: { name: string } | { acme: true }) =>
  [
    subjects.route("a.org"),
    {
      type: "RouteDeclared",
      host: "a.org",
      rules: rulesFrom([{ app: "shop", entrypoint: "web" }]),
      tls: { certificate, redirectHttp: true, minVersion: "1.2" },
    } as EruEvent,
  ] as const;

test.each([
  [30, "valid"],
  [29, "expiring"],
  [7, "expiring"],
  [6, "urgent"],
  [0, "urgent"],
  [-1, "expired"],
])("a certificate with %i days left is %s, and a metric says how long", async (daysLeft, state) => {
  const { items, text, metrics } = await listAfter(stored("www", daysLeft));
  expect(items).toMatchObject([{ certificate: "www", source: "stored", state, daysLeft }]);
  expect(text).not.toContain("eru1.");
  const seconds = Number(/^eru_certificate_expiry_seconds\{certificate="www".*\} (.*)$/m.exec(metrics)?.[1]);
  expect(Math.floor(seconds / 86_400)).toBe(daysLeft);
});

test("an order is pending, then failed with the directory's words, then valid", async () => {
  expect((await listAfter(ordered)).items).toMatchObject([{ state: "pending", hosts: ["shop.org"] }]);
  const after = await listAfter(ordered, [subjects.acme("shop"), failed]);
  expect(after.items).toMatchObject([{ state: "failed", failures: 2, error: "no route to host" }]);
  const done = await listAfter(ordered, [subjects.acme("shop"), failed], issued("shop"));
  expect(done.items).toMatchObject([{ state: "valid", failures: 0, error: null, directory }]);
});

test("what a certificate was before it was replaced is not shown any more", async () => {
  expect((await listAfter(stored("shop", 60), ordered)).items).toMatchObject([
    { source: "acme", state: "pending", notAfter: null },
  ]);
  expect((await listAfter(ordered, issued("shop"), stored("shop", 5))).items).toMatchObject([
    { source: "stored", state: "urgent" },
  ]);
  expect((await listAfter(stored("shop", 60), issued("shop"))).items).toMatchObject([
    { source: "stored", directory: null },
  ]);
});

test("a certificate says which routes name it; one got for a route goes with the route", async () => {
  expect((await listAfter(stored("www", 60), route({ name: "www" }))).items).toMatchObject([
    { usedBy: ["a.org"] },
  ]);
  const got = [route({ acme: true }), issued("a.org")] as const;
  expect((await listAfter(...got)).items).toMatchObject([{ certificate: "a.org", usedBy: ["a.org"] }]);
  const gone = [subjects.route("a.org"), { type: "RouteRemoved", host: "a.org" }] as const;
  expect((await listAfter(...got, gone)).items).toEqual([]);
});
