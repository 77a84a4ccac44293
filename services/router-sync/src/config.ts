import { AcmeDirectoryUrl, ElbGroup, ElbName } from "@eru/events";
import { serviceConfig } from "@eru/service";
import { z } from "zod";
import { AccessLog } from "./access-log.ts";

const listen = /^(\*|\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\]):([1-9]\d{0,4})$/;

const list = (usual: string) =>
  z
    .string()
    .default(usual)
    .transform((text) =>
      text
        .split(",")
        .map((one) => one.trim())
        .filter((one) => one !== ""),
    );

const listens = (usual: string) =>
  list(usual).pipe(
    z
      .array(z.string().regex(listen, "wanted ip:port, [ip6]:port or *:port, several separated by commas"))
      .max(32),
  );

/** What router-sync reads from its environment. */
export const routerSyncConfig = {
  ...serviceConfig,
  /** How many servers keep the log. */
  ERU_STREAM_REPLICAS: z
    .enum(["1", "3"])
    .default("1")
    .transform((text) => (text === "3" ? 3 : 1)),
  /** A route may name the groups of load balancers that serve it. */
  ERU_ELB_GROUP: ElbGroup.default("default"),
  /** The zone's seal keys, a file of mode 0600; absent: hosts have no certificates here. */
  ERU_SEAL_KEY_FILE: z.string().min(1).optional(),
  /** The ACME directory that certificates are ordered from; absent: this one orders none. */
  ERU_ACME_DIRECTORY: AcmeDirectoryUrl.optional(),
  /** Where the directory's operator may write to; needed with ERU_ACME_DIRECTORY. */
  ERU_ACME_EMAIL: z.email("wanted an e-mail address").optional(),
  /** `yes`: the terms of service of the directory's operator are agreed to; needed with ERU_ACME_DIRECTORY. */
  ERU_ACME_AGREE: z.literal("yes", "`yes` agrees to the terms of the directory's operator").optional(),
  ERU_ELB_NAME: ElbName.default("elb"),
  /** Where the load balancer takes requests: addresses with ports, separated by commas. */
  ERU_ELB_LISTEN: listens("127.0.0.1:8080"),
  /** Where it is served over TLS; empty: nowhere. */
  ERU_ELB_TLS_LISTEN: listens(""),
  /** Where it takes HTTP/2 without TLS, and only that. */
  ERU_ELB_LISTEN_H2C: listens(""),
  /** Proxies in front of it, whose X-Forwarded-For is believed: addresses and blocks, separated by commas. */
  ERU_ELB_TRUSTED_PROXIES: list("").pipe(
    z
      .array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], "wanted addresses or CIDR blocks"))
      .max(256),
  ),
  /** Whose signature counts where a rule wants certificates of endpoints judged: a file, or `system`; absent: nobody's. */
  ERU_ELB_ENDPOINT_CA: z
    .string()
    .regex(
      /^(system|\/[A-Za-z0-9_.:/-]+)$/,
      "wanted `system` or an absolute path of letters, digits and _ . : / - only",
    )
    .optional(),
  /** Where requests are logged. */
  ERU_ELB_ACCESS_LOG: AccessLog.default("file"),
  /** Holds nginx's configuration, its last table, logs and sockets. */
  ERU_ELB_DIR: z
    .string()
    .regex(/^\/[A-Za-z0-9_.:/-]*$/, "wanted an absolute path of letters, digits and _ . : / - only")
    .max(80, "a socket's path has at most 108 characters, so this one at most 80"),
  /** Shared memory for the table, in MiB. 64 hold about 50,000 hosts with their pools. */
  ERU_ELB_TABLE_MIB: z.coerce.number().int().min(4).max(4_096).default(64),
  /** Absent: the first nginx or openresty that is found. */
  ERU_NGINX_BIN: z.string().optional(),
  /** What becomes of nginx when router-sync is told to end: it finishes and ends too, or it serves on for the next one. */
  ERU_ELB_ON_STOP: z.enum(["quit", "keep"]).default("quit"),
  /** Seconds it serves on, not ready, after it was told to quit: for what is in front to send elsewhere. */
  ERU_ELB_LEAVE_WAIT_S: z.coerce.number().min(0).max(300).default(0),
} as const;
