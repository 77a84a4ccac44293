import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { choosePorts, portFree } from "./ports.ts";

let stranger: Server;
let taken: number;
beforeAll(async () => {
  stranger = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => stranger.once("listening", resolve));
  taken = (stranger.address() as { port: number }).port;
});
afterAll(() => void stranger.close());

const wish = (name: string, preferred: number, fixed?: number) => ({ name, fixed, preferred });

test("a taken port is passed over for the next free one", async () => {
  expect(await portFree(taken)).toBe(false);
  const { api } = await choosePorts([wish("api", taken)]);
  expect(api).toBeGreaterThan(taken);
});

test("two listeners never get the same port, and one that was named keeps it", async () => {
  const [free] = Object.values(await choosePorts([wish("any", 20_000)]));
  const chosen = await choosePorts([wish("a", free!), wish("b", free!), wish("c", free!, free!)]);
  expect(chosen["c"]).toBe(free);
  expect(new Set(Object.values(chosen)).size).toBe(3);
});

test("a named port that is taken is an error that says which and for what", async () => {
  await expect(choosePorts([wish("elb", 1, taken)])).rejects.toThrow(
    `port ${taken} for elb is taken: free it, or name another`,
  );
});
