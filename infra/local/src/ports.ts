import { createServer } from "node:net";
import { LocalError } from "./errors.ts";

const triesMax = 200;

/** Whether a program could listen on this port of loopback now. */
export async function portFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** What one listener wants. */
export type PortWish = {
  name: string;
  /** Named by the user: this one or none. */
  fixed: number | undefined;
  /** Taken when free, else the next one that is. */
  preferred: number;
};

/**
 * A port on loopback for each wish, all different.
 * @throws LocalError a port that the user named is taken
 */
export async function choosePorts(wishes: readonly PortWish[]): Promise<Record<string, number>> {
  const chosen: Record<string, number> = {};
  const taken = new Set<number>();
  // Those that cannot move choose first.
  for (const { name, fixed, preferred } of wishes.toSorted((a, b) => rank(a) - rank(b))) {
    const port = fixed ?? (await nextFree(preferred, taken));
    if (fixed !== undefined && (taken.has(fixed) || !(await portFree(fixed))))
      throw new LocalError(`port ${fixed} for ${name} is taken: free it, or name another`);
    taken.add(port);
    chosen[name] = port;
  }
  return chosen;
}

const rank = (wish: PortWish) => (wish.fixed === undefined ? 1 : 0);

async function nextFree(from: number, taken: ReadonlySet<number>): Promise<number> {
  for (let port = from; port < Math.min(from + triesMax, 65_536); port++)
    if (!taken.has(port) && (await portFree(port))) return port;
  throw new LocalError(`no free port from ${from} to ${from + triesMax - 1}`);
}
