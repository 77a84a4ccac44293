import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { AcmeDirectory, type Place } from "@eru/testing/acme";
import { certificateRequest, newKeyPem } from "@eru/tls";
import { afterEach, expect, test } from "vitest";
import { AcmeClient } from "./client.ts";

const ends: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
const { signal } = new AbortController();

/** A directory, and a server for every host that answers tokens with what `answers` holds. */
async function zone() {
  const answers = new Map<string, string>();
  const server = createServer(({ url = "" }, answer) => {
    const found = answers.get(url.split("/").at(-1) ?? "");
    answer.writeHead(found === undefined ? 404 : 200).end(found);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const place: Place = { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
  const directory = await AcmeDirectory.start((host) => (host.endsWith(".org") ? place : undefined));
  ends.push(
    () => new Promise((resolve) => server.close(resolve)),
    () => directory.stop(),
  );
  const client = await AcmeClient.open(directory.url, newKeyPem(), signal);
  return { answers, directory, client };
}

async function challengeOf(client: AcmeClient, host: string) {
  const order = await client.order([host]);
  const challenge = await client.challenge(order.authorizations[0] ?? "");
  if (!challenge) throw new Error("no challenge was asked for");
  return { order, challenge };
}

test("an account is opened once for a key, and an order goes through when the token is answered", async () => {
  const { answers, directory, client } = await zone();
  const account = await client.register("ops@example.org");
  expect(await client.register("ops@example.org")).toBe(account);
  expect(directory.accounts).toBe(1);
  const { order, challenge } = await challengeOf(client, "a.org");
  answers.set(challenge.token, challenge.keyAuthorization);
  await client.prove(challenge);
  expect(await client.finalize(order, certificateRequest(["a.org"]).der)).toContain("BEGIN CERTIFICATE");
});

test("a nonce that the directory forgot is replaced", async () => {
  const { directory, client } = await zone();
  await client.register("ops@example.org");
  directory.forgetNonces();
  expect((await client.order(["a.org"])).authorizations).toHaveLength(1);
});

test("what the directory says is the error", async () => {
  const { answers, client } = await zone();
  await expect(client.order(["a.org"])).rejects.toThrow("`jwk` is for a new account");
  await client.register("ops@example.org");
  await expect(client.order(["*.a.org"])).rejects.toThrow("HTTP-01 is not for wildcards");
  const silent = await challengeOf(client, "a.org");
  await expect(client.prove(silent.challenge)).rejects.toThrow(
    "a.org: Invalid response from http://a.org: 404",
  );
  const wrong = await challengeOf(client, "b.org");
  answers.set(wrong.challenge.token, `${wrong.challenge.token}.other`);
  await expect(client.prove(wrong.challenge)).rejects.toThrow("something else than the key authorization");
  const other = await challengeOf(client, "c.org");
  answers.set(other.challenge.token, other.challenge.keyAuthorization);
  await expect(client.finalize(other.order, certificateRequest(["c.org"]).der)).rejects.toThrow("not ready");
  await client.prove(other.challenge);
  await expect(client.finalize(other.order, certificateRequest(["d.org"]).der)).rejects.toThrow(
    "the request is for d.org, the order for c.org",
  );
});

test("what is no directory is said to be none", async () => {
  const server = createServer((_asked, answer) => answer.end("<html>")).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await expect(AcmeClient.open(url, newKeyPem(), signal)).rejects.toThrow("answer is not understood");
});
