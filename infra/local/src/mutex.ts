import { createHash } from "node:crypto";
import { createServer } from "node:net";

/**
 * Holds a name on this machine until released or until this process ends, however it ends: an abstract unix socket, so
 * there is no file to go stale. Undefined when another process holds it.
 */
export async function takeMutex(purpose: string, home: string): Promise<(() => void) | undefined> {
  const name = createHash("sha256").update(home).digest("hex").slice(0, 16);
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen({ path: `\0eru-${purpose}-${name}` }, () => resolve(() => server.close()));
    server.unref();
  });
}
