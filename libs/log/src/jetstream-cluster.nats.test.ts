import { startNatsCluster } from "@eru/testing";
import { jetStreamSetting } from "./contract/jetstream-setting.ts";
import { logContract } from "./contract.ts";

logContract("on three servers", async () => {
  const cluster = await startNatsCluster(3);
  const setting = await jetStreamSetting({
    urls: cluster.urls,
    proxiedPort: cluster.servers[0]?.port ?? 0,
    replicas: 3,
    outage: async () => {
      await Promise.all(cluster.servers.map((server) => server.kill9()));
      await Promise.all(cluster.servers.map((server) => server.restart()));
    },
  });
  return {
    ...setting,
    close: async () => {
      await setting.close();
      await cluster.stop();
    },
  };
});
