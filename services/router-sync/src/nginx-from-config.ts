import { fileURLToPath } from "node:url";
import type { z } from "zod";
import { keyOpener } from "./boot-keys.ts";
import type { routerSyncConfig } from "./config.ts";
import { findNginx } from "./nginx-binary.ts";
import { NginxProcess } from "./nginx-process.ts";

type Config = z.infer<z.ZodObject<typeof routerSyncConfig>>;

/** The nginx that the environment describes; `path` is where programs are. */
export async function nginxFrom(config: Config, path: string): Promise<NginxProcess> {
  return new NginxProcess({
    bin: await findNginx(config.ERU_NGINX_BIN, path),
    dir: config.ERU_ELB_DIR,
    elbDir: fileURLToPath(new URL("../../../infra/elb", import.meta.url)).replace(/\/$/, ""),
    listens: config.ERU_ELB_LISTEN,
    tlsListens: config.ERU_ELB_TLS_LISTEN,
    openKey: keyOpener(config.ERU_SEAL_KEY_FILE),
    h2cListens: config.ERU_ELB_LISTEN_H2C,
    trustedProxies: config.ERU_ELB_TRUSTED_PROXIES,
    tableSize: `${config.ERU_ELB_TABLE_MIB}m`,
    workers: "auto",
    endpointCa: config.ERU_ELB_ENDPOINT_CA,
    accessLog: config.ERU_ELB_ACCESS_LOG,
  });
}
