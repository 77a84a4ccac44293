import { createHash } from "node:crypto";
import type { Bytes } from "./bytes.ts";

/** The number a value hashes to: the first four bytes of its MD5, big-endian. Every load balancer computes the same. */
export const hashNumber = (value: Bytes): number =>
  createHash("md5").update(value, "latin1").digest().readUInt32BE(0);
