import { Agent, request } from "node:http";

/** A client with one kept connection that tells status and which port answered. */
export function keptClient(port: number, host: string): { ask: () => Promise<string>; close: () => void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    close: () => agent.destroy(),
    ask: () =>
      new Promise((resolve, reject) => {
        const asked = request({ port, agent, headers: { host } }, (answer) => {
          answer.resume();
          answer.on("end", () => resolve(`${answer.statusCode} ${answer.headers["x-port"]}`));
        });
        asked.on("error", reject);
        asked.end();
      }),
  };
}
