import Docker from "dockerode";

/** Seconds between SIGTERM and SIGKILL when an installation goes down: nobody waits for a hanging app. */
const stopSeconds = 5;
/** A busy engine answers late. A call that is given up is aborted, which Node calls a "socket hang up". */
const callTimeoutMs = 60_000;
const attempts = 3;

/**
 * Ends and removes the containers that an agent made on this engine. A label can be copied into an image by anyone, so
 * the name has to fit as well.
 */
export async function removeContainers(socketPath: string, node: string): Promise<number> {
  const docker = new Docker({ socketPath, timeout: callTimeoutMs });
  const found = await docker.listContainers({ all: true, filters: { label: [`eru.node=${node}`] } });
  const ours = found.filter(({ Names, Labels }) =>
    Names.some((name) => name.startsWith(`/eru-${Labels["eru.workload"]}-g`)),
  );
  await Promise.all(
    ours.map(async ({ Id }) => {
      const container = docker.getContainer(Id);
      await unlessGone(() => container.stop({ t: stopSeconds }));
      await unlessGone(() => container.remove({ force: true }));
    }),
  );
  return ours.length;
}

/**
 * 304: it had stopped already; 404: it was gone; 409: its removal was already under way. A connection that broke says
 * nothing of what the engine did: the call is made again, both kinds may be repeated.
 */
async function unlessGone(call: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await call();
      return;
    } catch (error) {
      const { statusCode } = error as { statusCode?: number };
      if (statusCode !== undefined && [304, 404, 409].includes(statusCode)) return;
      if (statusCode !== undefined || attempt === attempts) throw error;
    }
  }
}
