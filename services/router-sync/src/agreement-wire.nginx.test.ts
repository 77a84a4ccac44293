// Goal: what nginx does with a request on the wire is what the second matcher predicts from its bytes: also for paths that
// are encoded, dotted and broken, for odd hosts, headers, cookies and queries. Method as in agreement.nginx.test.ts.
import { Agent, request as httpRequest } from "node:http";
import { type Bytes, bytesOf, compileHost, explain, type HttpRequest, requestTarget } from "@eru/routing";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { startElb } from "./testing-nginx.ts";
import { atEnd, endAll } from "./testing-service.ts";
import { answeringHost, anyRequest, rawTarget } from "./testkit/cases.ts";

afterEach(endAll);

const casesWanted = Number(process.env["ERU_AGREEMENT_CASES"] ?? 5_000);
/** Requests to one host. */
const askedOfOne = 20;
const runs = Math.ceil(casesWanted / askedOfOne);
const enoughMs = 60_000 + casesWanted * 10;

const hosts = fc.constantFrom("h.org", "H.ORG", "h.org:8080", "h.org.", "h.org.:80");
const wireRequest = fc.record({ target: rawTarget, host: hosts, asked: anyRequest });

type Sent = { method: string; target: Bytes; host: string; headers: Record<string, string> };
type Got = { status: number; text: string; location: string | undefined; grpcStatus: unknown };

const agent = new Agent({ keepAlive: true, maxSockets: 4 });

const send = (port: number, { method, target, host, headers }: Sent): Promise<Got> =>
  new Promise((resolve, reject) => {
    const asked = httpRequest(
      { port, method, path: target, agent, headers: { ...headers, host } },
      (answer) => {
        let text = "";
        answer.setEncoding("latin1").on("data", (part: string) => {
          text += part;
        });
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({
            status: answer.statusCode ?? 0,
            text,
            location: answer.headers.location,
            grpcStatus: answer.headers["grpc-status"],
          }),
        );
      },
    );
    asked.on("error", reject);
    asked.end();
  });

/** The rule that answered: its body is its name, and its redirect begins with it. */
function answeredBy({ status, text, location, grpcStatus }: Got): string {
  // To a gRPC call a load balancer says in a header that it goes nowhere.
  if (grpcStatus !== undefined) return "404";
  if (status === 200) return text;
  if (status !== 307) return String(status);
  return location?.replace(/^http:\/\/[^/]+/, "") ?? "no location";
}

test(
  `nginx answers ${runs * askedOfOne} random requests as the second matcher predicts`,
  async () => {
    const elb = await startElb();
    atEnd(elb.stop);
    atEnd(() => agent.destroy());
    let seq = 10;
    const seen = { refused: 0, rules: new Set<string>() };
    const requests = fc.array(wireRequest, { minLength: askedOfOne, maxLength: askedOfOne });
    await fc.assert(
      fc.asyncProperty(answeringHost, requests, async (declared, all) => {
        const lines = [{ key: "r:h.org", json: JSON.stringify(declared) }];
        const header = { epoch: "e1", base: seq, seq: seq + 1 };
        expect(await elb.admin.delta(header, lines)).toMatchObject({ ok: true });
        seq++;
        const compiled = compileHost(declared);
        const table = {
          host: (name: string) => (name === "h.org" ? compiled : undefined),
          pool: () => undefined,
        };
        for (const { target: raw, host, asked } of all) {
          const headers = Object.fromEntries(
            Object.entries(asked.headers).map(([name, value]) => [name, bytesOf(value)]),
          );
          const sent = { method: asked.method, target: raw, host, headers };
          const got = answeredBy(await send(elb.port, sent));
          const target = requestTarget(raw);
          if (!target) {
            expect({ sent, got }).toEqual({ sent, got: "400" });
            seen.refused++;
            continue;
          }
          const request: HttpRequest = {
            host: "h.org",
            method: asked.method,
            scheme: "http",
            port: elb.port,
            ...target,
            headers: new Map(
              Object.entries(headers).map(([name, value]) => [name, value.replaceAll(/^ +| +$/g, "")]),
            ),
            source: "127.0.0.1",
          };
          const { outcomes, reason } = explain(request, table);
          const possible = outcomes.map(({ rule, location }) => location ?? rule);
          if (reason === "no_such_path") possible.push("404");
          expect({ sent, possible, got: possible.includes(got) || got }).toEqual({
            sent,
            possible,
            got: true,
          });
          seen.rules.add(got);
        }
      }),
      { numRuns: runs },
    );
    // A comparison of refusals alone would agree too.
    expect(seen.refused).toBeGreaterThan(casesWanted / 50);
    expect(seen.rules.size).toBeGreaterThan(20);
  },
  enoughMs,
);
