import { generateKeyPairSync } from "node:crypto";
import { coversHost } from "@eru/events";
import { TestAuthority } from "@eru/testing/authority";
import { expect, test } from "vitest";
import { checkCertificate } from "./check.ts";
import { certificateRequest, newKeyPem, placeholderCertificate } from "./request.ts";

const authority = await TestAuthority.create();
const now = Date.now();
const good = await authority.issue({ hosts: ["www.example.org", "*.example.org", "WWW.example.net"] });
const check = (chain: string, key: string, at = now) => checkCertificate({ chain, key }, at);
const code = (chain: string, key: string, at = now) => {
  const checked = check(chain, key, at);
  return checked.ok ? "ok" : checked.fault.code;
};

test("a sound certificate is described: hosts from its names, times, kind of key", () => {
  const checked = check(good.chainPem, good.keyPem);
  expect(checked).toMatchObject({
    ok: true,
    certificate: {
      hosts: ["*.example.org", "www.example.net", "www.example.org"],
      issuer: "CN=Test intermediate",
      keyType: "EC prime256v1",
    },
  });
  if (!checked.ok) return;
  expect(checked.certificate.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  // What is stored can be checked again.
  expect(code(checked.certificate.chainPem, checked.certificate.keyPem)).toBe("ok");
});

test("the chain may end with the root, or hold nothing but the certificate itself", () => {
  expect(code(good.chainPem + authority.rootPem, good.keyPem)).toBe("ok");
  expect(code(good.leafPem, good.keyPem)).toBe("ok");
  expect(code(`Subject: somebody\n${good.leafPem}\nthe end\n`, good.keyPem)).toBe("ok");
});

test("a chain that is not in order is refused, and says which does not belong where", () => {
  expect(code(authority.intermediatePem + good.leafPem, good.keyPem)).toBe("chain_order");
  const checked = check(good.leafPem + authority.rootPem, good.keyPem);
  expect(checked).toMatchObject({ ok: false, fault: { code: "chain_order", field: "chain" } });
  expect(!checked.ok && checked.fault.message).toContain("certificate 2 (CN=Test root)");
});

test.each([
  ["", "chain_unreadable"],
  ["hello", "chain_unreadable"],
  [good.chainPem.slice(0, -40), "chain_unreadable"],
  ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "chain_unreadable"],
  [good.leafPem + good.keyPem, "chain_unreadable"],
  ["x".repeat(70_000), "chain_unreadable"],
])("a chain that is none is refused (%#)", (chain, expected) => {
  expect(code(chain, good.keyPem)).toBe(expected);
});

test("another certificate's key is refused, and no refusal shows a part of a key", async () => {
  const other = await authority.issue({ hosts: ["www.example.org"] });
  const encrypted = generateKeyPairSync("ec", { namedCurve: "prime256v1" }).privateKey.export({
    format: "pem",
    type: "pkcs8",
    cipher: "aes-256-cbc",
    passphrase: "secret",
  });
  const broken = `${good.keyPem.slice(0, 60)}\n-----END PRIVATE KEY-----\n`;
  const refused: [string, string][] = [
    [other.keyPem, "key_mismatch"],
    [encrypted.toString(), "key_encrypted"],
    [broken, "key_unreadable"],
    ["", "key_unreadable"],
    [good.leafPem, "key_unreadable"],
  ];
  for (const [key, expected] of refused) {
    const checked = check(good.chainPem, key);
    expect(checked, expected).toMatchObject({ ok: false, fault: { code: expected, field: "key" } });
    const secret = key.split("\n").slice(1, -2).join("").slice(0, 20);
    if (secret !== "") expect(JSON.stringify(checked)).not.toContain(secret);
  }
});

test("weak and unusual keys are refused with what to make instead", async () => {
  const weak = await authority.issue({
    hosts: ["a.org"],
    algorithm: { name: "RSASSA-PKCS1-v1_5", bits: 1_024 },
  });
  const rsa = await authority.issue({
    hosts: ["a.org"],
    algorithm: { name: "RSASSA-PKCS1-v1_5", bits: 2_048 },
  });
  const p521 = await authority.issue({ hosts: ["a.org"], algorithm: { name: "ECDSA", namedCurve: "P-521" } });
  expect(code(rsa.chainPem, rsa.keyPem)).toBe("ok");
  expect(code(p521.chainPem, p521.keyPem)).toBe("key_kind");
  const checked = check(weak.chainPem, weak.keyPem);
  expect(!checked.ok && checked.fault.message).toContain("rsa (1024 bits) is not used: make an EC key");
  const ed = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  expect(code(good.chainPem, ed)).toBe("key_kind");
});

test("a certificate that ended, in the very millisecond, or has not begun is refused", async () => {
  const notAfter = new Date(Math.floor(now / 1000) * 1000 + 86_400_000);
  const notBefore = new Date(notAfter.getTime() - 3_600_000);
  const short = await authority.issue({ hosts: ["a.org"], notBefore, notAfter });
  expect(code(short.chainPem, short.keyPem, notAfter.getTime() - 1)).toBe("ok");
  expect(code(short.chainPem, short.keyPem, notAfter.getTime())).toBe("expired");
  expect(code(short.chainPem, short.keyPem, notBefore.getTime() - 1)).toBe("not_yet_valid");
});

test("a certificate without a host name is refused", async () => {
  const bare = await authority.issue({ hosts: [] });
  expect(code(bare.chainPem, bare.keyPem)).toBe("no_hosts");
});

test("a wildcard covers one label", () => {
  expect(coversHost(["*.a.org"], "www.a.org")).toBe(true);
  expect(coversHost(["*.a.org"], "a.org")).toBe(false);
  expect(coversHost(["*.a.org"], "x.www.a.org")).toBe(false);
  expect(coversHost(["*.a.org"], "*.a.org")).toBe(true);
  expect(coversHost(["www.a.org"], "*.a.org")).toBe(false);
});

test("keys and placeholders made here are of a kind that is taken", async () => {
  const placeholder = await placeholderCertificate(now);
  expect(code(placeholder.certPem, placeholder.keyPem)).toBe("ok");
  expect(code(good.chainPem, newKeyPem())).toBe("key_mismatch");
  const request = await certificateRequest(["a.org", "b.org"]);
  expect(code(good.chainPem, request.keyPem)).toBe("key_mismatch");
});
