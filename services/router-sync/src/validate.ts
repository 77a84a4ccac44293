import { type ValidateReply, ValidateRequest } from "@eru/events";
import { type NginxAdmin, NginxUnreachableError } from "./nginx-admin.ts";

/** Answers what this load balancer's engine thinks of lines that somebody is about to declare. */
export function validator(
  elb: string,
  admin: Pick<NginxAdmin, "validate">,
): (body: string) => Promise<string> {
  const verdict = async (body: string): Promise<ValidateReply> => {
    const request = ValidateRequest.safeParse(parse(body));
    if (!request.success) return { elb, error: "the question is not readable" };
    try {
      const refused = await admin.validate(request.data.lines);
      return refused ? { elb, ok: false, ...refused } : { elb, ok: true };
    } catch (error) {
      if (!(error instanceof NginxUnreachableError)) throw error;
      return { elb, error: error.message };
    }
  };
  return async (body) => JSON.stringify(await verdict(body));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
