import type { Granted, Resources } from "@eru/events";

/** What an order says about one workload, as far as its engine settings follow from it. */
export type EngineOrder = {
  workload: string;
  resources: Resources;
  granted: Granted;
  /** The cores for workloads that are not bound; none: every core. */
  sharedCores: readonly string[];
  /** The address of the machine at which its ports are opened. */
  address: string;
  /** On the host's network what it listens on is open as it is. */
  network: "bridge" | "host";
};

type Throttle = { Path: string; Rate: number };

/** Settings of a container in the words of Docker's API. What is absent is not bounded. */
export type EngineSettings = {
  NanoCpus?: number;
  CpuShares?: number;
  CpusetCpus?: string;
  CpusetMems?: string;
  Memory?: number;
  MemorySwap?: number;
  MemoryReservation?: number;
  Binds?: string[];
  BlkioDeviceReadIOps?: Throttle[];
  BlkioDeviceWriteIOps?: Throttle[];
  BlkioDeviceReadBps?: Throttle[];
  BlkioDeviceWriteBps?: Throttle[];
  DeviceRequests?: { DeviceIDs: string[]; Capabilities: string[][] }[];
  PortBindings?: Record<string, { HostIp: string; HostPort: string }[]>;
};
