import Docker from "dockerode";

const callTimeoutMs = 30_000;
/** What the engine answers while containers are on a network. */
const inUse = 403;

/**
 * Removes the networks that an agent made on this engine for its containers, known by their label. One that somebody else's
 * containers are on stays. In sentences, for people.
 */
export async function removeNetworks(socketPath: string, node: string): Promise<string[]> {
  const docker = new Docker({ socketPath, timeout: callTimeoutMs });
  const found = await docker.listNetworks({ filters: { label: [`eru.node=${node}`] } });
  return await Promise.all(
    found.map(async ({ Id, Name }) => {
      try {
        await docker.getNetwork(Id).remove();
        return `the network ${Name} of ${node} is removed`;
      } catch (error) {
        const { statusCode } = error as { statusCode?: number };
        if (statusCode === 404) return `the network ${Name} of ${node} is gone`;
        if (statusCode !== inUse) throw error;
        return `the network ${Name} of ${node} stays: containers that are not Eru's are on it`;
      }
    }),
  );
}
