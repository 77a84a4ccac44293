import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import type { HealthCheck } from "@eru/events";
import type { ProbeResult } from "./domain/health.ts";

/** How much of a failing answer's body goes into the reason, in bytes. */
const bodyBytesMax = 200;
const notInAPath = /[^\x21-\x7e]/;

/** Runs a command in the container that is probed; why it does not say healthy, undefined when it does. */
export type CommandProbe = (command: readonly string[], timeoutMs: number) => Promise<string | undefined>;

/**
 * Asks a workload whether it is healthy: every TCP port must accept, the HTTP answer must be as wanted, and the command
 * must succeed.
 */
export async function probe(
  address: string | undefined,
  check: HealthCheck,
  run: CommandProbe,
): Promise<ProbeResult> {
  const { timeoutMs, http, command } = check;
  const network = check.tcpPorts.length > 0 || http !== undefined;
  if (address === undefined && network) return { ok: false, reason: "the container has no address" };
  const asked = address === undefined ? [] : check.tcpPorts.map((port) => tcpFault(address, port, timeoutMs));
  if (http && address !== undefined) asked.push(httpFault(address, http, timeoutMs));
  if (command) asked.push(run(command, timeoutMs));
  const fault = (await Promise.all(asked)).find((one) => one !== undefined);
  return fault === undefined ? { ok: true } : { ok: false, reason: fault };
}

/** Why the port does not accept a connection; undefined when it does. */
function tcpFault(host: string, port: number, timeoutMs: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host, port, signal: AbortSignal.timeout(timeoutMs) });
  socket.once("connect", () => resolve(undefined));
  socket.on("error", (error) => resolve(`TCP ${host}:${port}: ${why(error, timeoutMs)}`));
  return promise.finally(() => socket.destroy());
}

/** Why the answer is not as wanted; undefined when it is. Redirects are answers, they are not followed. */
function httpFault(
  host: string,
  { port, path, code }: NonNullable<HealthCheck["http"]>,
  timeoutMs: number,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const asked = `GET http://${host}:${port}${path}`;
  // Node throws on such a path; a user's typing error must not end the agent.
  if (notInAPath.test(path)) return Promise.resolve(`${asked}: the path must be URL-encoded`);
  // One timer over everything: a body that trickles must not keep the probe alive.
  const signal = AbortSignal.timeout(timeoutMs);
  const sent = request({
    host,
    port,
    path,
    agent: false,
    signal,
    headers: { "user-agent": "eru-node-agent" },
  });
  let answered = false;
  sent.on("error", (error) => {
    if (!answered) resolve(`${asked}: ${why(error, timeoutMs)}`);
  });
  sent.once("response", (response: IncomingMessage) => {
    answered = true;
    const status = response.statusCode ?? 0;
    if (code === undefined ? status >= 200 && status < 400 : status === code) resolve(undefined);
    else
      void beginning(response).then((body) =>
        resolve(`${asked}: status ${status}${body === "" ? "" : `: ${body}`}`),
      );
  });
  sent.end();
  return promise.finally(() => sent.destroy());
}

/** The first bytes of a body, or what of them has come when it breaks off. */
async function beginning(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  let bytes = 0;
  response.on("data", (part: Buffer) => {
    parts.push(part);
    bytes += part.length;
    if (bytes >= bodyBytesMax) resolve();
  });
  for (const event of ["end", "close", "error"]) response.on(event, () => resolve());
  await promise;
  return Buffer.concat(parts).subarray(0, bodyBytesMax).toString("utf8").trim();
}

const why = (error: Error, timeoutMs: number): string =>
  error.name === "TimeoutError" || error.name === "AbortError"
    ? `no answer within ${timeoutMs} ms`
    : error.message || (error as NodeJS.ErrnoException).code || error.name;
