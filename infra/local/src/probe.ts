import { request } from "node:http";

/** How to ask whether a process can do its work. */
export type Probe =
  | { kind: "http"; host: string; port: number; path: string }
  | { kind: "unix"; socket: string; path: string };

const probeTimeoutMs = 1_000;
const answerBytesMax = 300;

/** Undefined when it can; otherwise why not, in a phrase. */
export function probe(target: Probe): Promise<string | undefined> {
  const where =
    target.kind === "unix" ? { socketPath: target.socket } : { host: target.host, port: target.port };
  return new Promise((resolve) => {
    const call = request(
      { ...where, path: target.path, timeout: probeTimeoutMs, agent: false },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => {
          text = (text + part).slice(0, answerBytesMax);
        });
        response.once("error", (error) => resolve(error.message));
        response.once("end", () =>
          resolve(response.statusCode === 200 ? undefined : reason(text, response.statusCode)),
        );
      },
    );
    call.once("timeout", () => call.destroy(new Error("no answer")));
    call.once("error", (error) => resolve(error.message));
    call.end();
  });
}

/** The reason a problem document names, or the beginning of whatever came. */
function reason(text: string, status: number | undefined): string {
  const detail = /"(?:detail|reason|error)"\s*:\s*"([^"]*)"/.exec(text)?.[1];
  return detail ?? `status ${status} ${text.trim()}`.trim();
}
