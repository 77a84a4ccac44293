// A thread of its own asks over and over, so that the one that writes does not delay it. Tells the longest wait when asked.
import { parentPort, workerData } from "node:worker_threads";
import { timed } from "../figures.ts";
import { keptClient } from "./kept-client.ts";

const { port, host, connections }: { port: number; host: string; connections: number } = workerData;
const clients = Array.from({ length: connections }, () => keptClient(port, host));
let over = false;
parentPort?.once("message", () => {
  over = true;
});
const waits = clients.map(async (client) => {
  const ms: number[] = [];
  await client.ask();
  while (!over) {
    ms.push(await timed(client.ask));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  client.close();
  return ms;
});
parentPort?.postMessage("asking");
parentPort?.postMessage((await Promise.all(waits)).flat());
