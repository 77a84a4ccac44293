import { ElbName, Explanation } from "@eru/events";
import { type HttpRequest, httpRequest, questionOf } from "@eru/routing";
import type { Command } from "commander";
import { z } from "zod";
import type { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import { CliError, exitCodes } from "../errors.ts";
import { declaredRoutes, explainBy } from "../known-routes.ts";
import { collectLines } from "../quantities.ts";
import { explanationText } from "../render/explanation.ts";

type Options = { method: string; header?: string[]; source?: string; elb?: string; offline?: true };

const Answered = z.looseObject({ elb: ElbName, appliedSeq: z.int(), explanation: Explanation });

/** Who explained a request: a load balancer, or this program. */
type Engine =
  | { engine: "load balancer"; elb: string; appliedSeq: number }
  | { engine: "this program"; why: string };

/** `eru route explain`. */
export function addRouteExplain(cli: Cli, route: Command): void {
  route
    .command("explain")
    .description("where a request would go and why, asked of a load balancer; nothing is sent")
    .argument("<url>", "as https://www.example.org/path?query")
    .option("-X, --method <method>", "the request's method", "GET")
    .option("-H, --header <line>", "a header, as 'Name: value'; repeatable", collectLines)
    .option("--source <ip>", "the client's address (default: 127.0.0.1)")
    .option("--elb <name>", "ask this load balancer (default: any)")
    .option("--offline", "ask none: match the declared routes in this program")
    .action((url: string, options: Options) =>
      cli.withApi(async (api) => {
        const request = requestOf(url, options);
        const { explanation, ...by } = await explained(api, request, options);
        cli.answer(
          { ...by, ...explanation },
          () => `${engineText(by)}\n${explanationText(explanation, cli.look)}`,
        );
      }),
    );
}

function requestOf(url: string, { method, header, source }: Options): HttpRequest {
  const read = httpRequest({ url, method, headers: header, source });
  if (read.ok) return read.request;
  throw new CliError(exitCodes.usage, read.reason);
}

async function explained(
  api: Api,
  request: HttpRequest,
  { elb, offline }: Options,
): Promise<Engine & { explanation: Explanation }> {
  const alone = async (why: string) => ({
    engine: "this program" as const,
    why,
    explanation: await explainBy(declaredRoutes(api), request),
  });
  if (offline) return alone("--offline");
  const question = questionOf(request);
  if (!question) return alone("the request is not UTF-8, so a load balancer cannot be asked about it");
  try {
    const body = { request: question, ...(elb !== undefined && { elb }) };
    const answer = await api.command("POST", "/v1/routes/explain", Answered, { body });
    return {
      engine: "load balancer",
      elb: answer.elb,
      appliedSeq: answer.appliedSeq,
      explanation: answer.explanation,
    };
  } catch (error) {
    // Who asks for one by name wants no other answer.
    if (elb !== undefined || !(error instanceof CliError) || error.code !== "no_load_balancer") throw error;
    return alone(error.message);
  }
}

const engineText = (by: Engine): string =>
  by.engine === "load balancer"
    ? `load balancer ${by.elb} says, by the table as of sequence ${by.appliedSeq}:`
    : `matched by this program, from the declared routes (${by.why}):`;
