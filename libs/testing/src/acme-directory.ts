import { createHash, createPublicKey, type JsonWebKey, randomBytes, verify } from "node:crypto";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { TestAuthority } from "./authority.ts";
import { hostsAndKeyOf } from "./certificate-request.ts";

/** Where a host is: what DNS would say, and the port that stands for 80. */
export type Place = { host: string; port: number };
/** From when until when a certificate is good. */
export type Life = { notBefore: Date; notAfter: Date };

type Challenge = { host: string; token: string; state: "pending" | "valid" | "invalid"; error?: Problem };
type Order = { hosts: string[]; account: string; authorizations: string[]; chain?: string };
type Problem = { type: string; detail: string; status: number };
type Asked = { account: string; jwk: JsonWebKey; payload: unknown };

const problem = (kind: string, detail: string, status = 400): Problem => ({
  type: `urn:ietf:params:acme:error:${kind}`,
  detail,
  status,
});
const lookMostMs = 5_000;
const dayMs = 86_400_000;

/**
 * An ACME directory (RFC 8555) in this process, on the loopback: nonces, signatures and requests for certificates are
 * checked, and HTTP-01 is met by really fetching. Hosts are where `resolve` says.
 */
export class AcmeDirectory {
  readonly authority: TestAuthority;
  readonly #server: Server;
  readonly #resolve: (host: string) => Place | undefined;
  readonly #nonces = new Set<string>();
  readonly #accounts = new Map<string, { jwk: JsonWebKey; contact: unknown }>();
  readonly #orders = new Map<string, Order>();
  readonly #challenges = new Map<string, Challenge>();
  /** The life of what is issued next. */
  life: () => Life = () => ({
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + 89 * dayMs),
  });
  /** Hosts in the order their tokens were fetched. */
  readonly fetched: string[] = [];
  /** Orders that ended with a certificate. */
  issued = 0;

  private constructor(authority: TestAuthority, resolve: (host: string) => Place | undefined) {
    this.authority = authority;
    this.#resolve = resolve;
    this.#server = createServer((asked, answer) => void this.#serve(asked, answer));
  }

  /** Starts one on a free port. */
  static async start(resolve: (host: string) => Place | undefined): Promise<AcmeDirectory> {
    const directory = new AcmeDirectory(await TestAuthority.create(), resolve);
    directory.#server.listen(0, "127.0.0.1");
    await new Promise((listening) => directory.#server.once("listening", listening));
    return directory;
  }

  get #base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What a client is given. */
  get url(): string {
    return `${this.#base}/directory`;
  }

  get accounts(): number {
    return this.#accounts.size;
  }

  /** What a directory does with nonces that got too old. */
  forgetNonces(): void {
    this.#nonces.clear();
  }

  async stop(): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const nonce = randomBytes(12).toString("base64url");
    this.#nonces.add(nonce);
    answer.setHeader("replay-nonce", nonce);
    try {
      const path = asked.url ?? "/";
      if (path === "/directory") return this.#json(answer, 200, this.#urls());
      if (path === "/nonce") return void answer.writeHead(200).end();
      if (asked.method !== "POST") throw problem("malformed", `${asked.method} is not for ${path}`, 405);
      await this.#post(path, await bodyOf(asked), answer);
    } catch (error) {
      const said =
        error instanceof Error ? problem("serverInternal", error.message, 500) : (error as Problem);
      answer.setHeader("content-type", "application/problem+json");
      answer.writeHead(said.status).end(JSON.stringify(said));
    }
  }

  #urls() {
    return {
      newNonce: `${this.#base}/nonce`,
      newAccount: `${this.#base}/account`,
      newOrder: `${this.#base}/order`,
    };
  }

  async #post(path: string, body: string, answer: ServerResponse): Promise<void> {
    const asked = this.#verified(path, body);
    const [, kind, id = ""] = path.split("/");
    if (path === "/account") return this.#account(asked, answer);
    if (path === "/order") return this.#newOrder(asked, answer);
    if (kind === "authorization") return this.#json(answer, 200, this.#authorization(id));
    if (kind === "challenge") return await this.#look(id, asked, answer);
    const order = this.#orders.get(id);
    if (!order || order.account !== asked.account) throw problem("unauthorized", `no order ${id}`, 404);
    if (kind === "order") return this.#json(answer, 200, this.#orderJson(id, order));
    if (kind === "finalize") return await this.#finalize(id, order, asked, answer);
    if (kind === "certificate" && order.chain !== undefined) {
      answer.setHeader("content-type", "application/pem-certificate-chain");
      return void answer.end(order.chain);
    }
    throw problem("malformed", `nothing is at ${path}`, 404);
  }

  /** Checks the JWS: a nonce of ours used once, this very URL, and the account's signature. */
  #verified(path: string, body: string): Asked {
    const { protected: header, payload, signature } = JSON.parse(body) as Record<string, string>;
    const { alg, nonce, url, jwk, kid } = JSON.parse(text(header)) as Record<string, string> & {
      jwk?: JsonWebKey;
    };
    if (!this.#nonces.delete(nonce ?? "")) throw problem("badNonce", "this nonce is not good (any more)");
    if (url !== this.#base + path) throw problem("unauthorized", `signed for ${url}, sent to ${path}`, 401);
    if (alg !== "ES256") throw problem("badSignatureAlgorithm", `${alg} is not taken`);
    if ((jwk !== undefined) !== (path === "/account"))
      throw problem("malformed", "`jwk` is for a new account, `kid` for all else");
    const key = jwk ?? this.#accounts.get(kid ?? "")?.jwk;
    if (!key) throw problem("accountDoesNotExist", `there is no account ${kid}`);
    const good = verify(
      "sha256",
      Buffer.from(`${header}.${payload}`),
      { key: createPublicKey({ key, format: "jwk" }), dsaEncoding: "ieee-p1363" },
      Buffer.from(signature ?? "", "base64url"),
    );
    if (!good) throw problem("unauthorized", "the signature is not the account's", 401);
    const account = kid ?? `${this.#base}/account/${thumbprint(key)}`;
    return { account, jwk: key, payload: payload === "" ? undefined : JSON.parse(text(payload)) };
  }

  #account({ account, jwk, payload }: Asked, answer: ServerResponse): void {
    const known = this.#accounts.has(account);
    const { termsOfServiceAgreed, contact } = payload as {
      termsOfServiceAgreed?: boolean;
      contact?: unknown;
    };
    if (!known && termsOfServiceAgreed !== true)
      throw problem("userActionRequired", "the terms of service must be agreed to", 403);
    if (!known) this.#accounts.set(account, { jwk, contact });
    answer.setHeader("location", account);
    this.#json(answer, known ? 200 : 201, { status: "valid" });
  }

  #newOrder({ account, payload }: Asked, answer: ServerResponse): void {
    const { identifiers } = payload as { identifiers: { type: string; value: string }[] };
    const hosts = identifiers.map(({ value }) => value);
    const wild = hosts.find((host) => host.startsWith("*"));
    if (wild !== undefined) throw problem("rejectedIdentifier", `${wild}: HTTP-01 is not for wildcards`);
    const authorizations = hosts.map((host) => {
      const id = randomBytes(8).toString("hex");
      this.#challenges.set(id, { host, token: randomBytes(32).toString("base64url"), state: "pending" });
      return id;
    });
    const id = randomBytes(8).toString("hex");
    const order = { hosts, account, authorizations };
    this.#orders.set(id, order);
    answer.setHeader("location", `${this.#base}/order/${id}`);
    this.#json(answer, 201, this.#orderJson(id, order));
  }

  #orderJson(id: string, { hosts, authorizations, chain }: Order) {
    const states = authorizations.map((one) => this.#challenges.get(one)?.state);
    const proven = states.every((state) => state === "valid");
    const failed = states.includes("invalid");
    return {
      status: failed ? "invalid" : chain !== undefined ? "valid" : proven ? "ready" : "pending",
      identifiers: hosts.map((value) => ({ type: "dns", value })),
      authorizations: authorizations.map((one) => `${this.#base}/authorization/${one}`),
      finalize: `${this.#base}/finalize/${id}`,
      ...(chain !== undefined && { certificate: `${this.#base}/certificate/${id}` }),
    };
  }

  #authorization(id: string) {
    const challenge = this.#challenges.get(id);
    if (!challenge) throw problem("malformed", `no authorization ${id}`, 404);
    const { host: value, token, state: status, error } = challenge;
    const url = `${this.#base}/challenge/${id}`;
    return {
      status,
      identifier: { type: "dns", value },
      challenges: [{ type: "http-01", url, token, status, ...(error && { error }) }],
    };
  }

  async #look(id: string, { jwk }: Asked, answer: ServerResponse): Promise<void> {
    const challenge = this.#challenges.get(id);
    if (!challenge) throw problem("malformed", `no challenge ${id}`, 404);
    if (challenge.state === "pending") {
      const error = await this.#fault(challenge, `${challenge.token}.${thumbprint(jwk)}`);
      challenge.state = error ? "invalid" : "valid";
      if (error) challenge.error = error;
    }
    this.#json(answer, 200, { type: "http-01", status: challenge.state });
  }

  /** Why the host does not answer as it shall. */
  async #fault({ host, token }: Challenge, expected: string): Promise<Problem | undefined> {
    const place = this.#resolve(host);
    if (!place) return problem("dns", `DNS problem: NXDOMAIN looking up A for ${host}`);
    this.fetched.push(host);
    try {
      const found = await fetchFrom(place, host, `/.well-known/acme-challenge/${token}`);
      if (found.status !== 200)
        return problem("unauthorized", `Invalid response from http://${host}: ${found.status}`, 403);
      if (found.body.trim() === expected) return undefined;
      return problem(
        "unauthorized",
        `http://${host} answered something else than the key authorization`,
        403,
      );
    } catch (error) {
      return problem("connection", `Fetching http://${host}: ${(error as Error).message}`);
    }
  }

  async #finalize(id: string, order: Order, { payload }: Asked, answer: ServerResponse): Promise<void> {
    if (this.#orderJson(id, order).status !== "ready")
      throw problem("orderNotReady", `order ${id} is not ready`, 403);
    const { csr } = payload as { csr: string };
    const wanted = await hostsAndKeyOf(Buffer.from(csr, "base64url"));
    if (!wanted) throw problem("badCSR", "the request is not signed with its own key");
    if ([...wanted.hosts].sort().join() !== [...order.hosts].sort().join())
      throw problem(
        "badCSR",
        `the request is for ${wanted.hosts.join()}, the order for ${order.hosts.join()}`,
      );
    const issued = await this.authority.issue({ ...wanted, ...this.life() });
    order.chain = issued.chainPem;
    this.issued++;
    this.#json(answer, 200, this.#orderJson(id, order));
  }

  #json(answer: ServerResponse, status: number, value: unknown): void {
    answer.setHeader("content-type", "application/json");
    answer.writeHead(status).end(JSON.stringify(value));
  }
}

const text = (part: string | undefined): string => Buffer.from(part ?? "", "base64url").toString();

const thumbprint = ({ crv, kty, x, y }: JsonWebKey): string =>
  createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url");

async function bodyOf(asked: IncomingMessage): Promise<string> {
  let body = "";
  for await (const part of asked.setEncoding("utf8")) body += part;
  return body;
}

/** fetch does not let a Host header be set. */
function fetchFrom(place: Place, host: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...place, path, headers: { host }, agent: false }, (answer) => {
      bodyOf(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body }), reject);
    });
    asked.setTimeout(lookMostMs, () => asked.destroy(new Error("Timeout")));
    asked.on("error", reject).end();
  });
}
