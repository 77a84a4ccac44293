import { startNatsServer } from "@eru/testing";
import { jetStreamSetting } from "./contract/jetstream-setting.ts";
import { logContract } from "./contract.ts";

logContract("on one server", async () => {
  const server = await startNatsServer();
  const setting = await jetStreamSetting({
    urls: [server.url],
    proxiedPort: server.port,
    replicas: 1,
    outage: async () => {
      await server.kill9();
      await server.restart();
    },
  });
  return {
    ...setting,
    close: async () => {
      await setting.close();
      await server.stop();
    },
  };
});
