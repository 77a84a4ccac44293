import type { Entry } from "./entry.ts";
import type { WorkloadFact } from "./known.ts";
import { Resting } from "./resting.ts";

/** A network of the engine as it is: where its addresses begin and end, and which ones somebody else has. */
export type EngineNetwork = {
  name: string;
  /** Absent: it gives no IPv4 addresses that could be chosen. */
  subnet?: string;
  gateway?: string;
  /** Of what else is on it now. */
  taken?: readonly string[];
};

/** An address, with what people should hear of it; none where the engine chooses; or why there is none. */
export type AddressAnswer = { ok: true; address?: string; word?: string } | { ok: false; error: string };

type Suitable = { network: EngineNetwork; barred: ReadonlySet<number> };

/**
 * Which addresses of the containers' network belong to which workload. One that a removed container had is given to nobody
 * for a while: a load balancer that is cut off from the log may still send there. Rebuilt from the node's own facts.
 */
export class Addresses {
  readonly #quarantineMs: number;
  readonly #addresses: Resting;
  #on: Suitable | { error: string } | undefined;

  constructor(quarantineMs: number) {
    this.#quarantineMs = quarantineMs;
    this.#addresses = new Resting({ first: 0, last: highest, quarantineMs });
  }

  /** The network as the engine has it, or why it has none. */
  network(found: EngineNetwork | { error: string }): void {
    if ("error" in found) {
      this.#on = found;
      return;
    }
    const { subnet, gateway, taken = [] } = found;
    const bounds = subnet === undefined ? undefined : subnetBounds(subnet);
    // Docker does not tell of a gateway that it chose itself: it chooses the first address.
    const gate = gateway === undefined ? bounds?.first : addressNumber(gateway);
    const barred = new Set([gate, ...taken.map(addressNumber)].filter((one) => one !== undefined));
    this.#on = { network: found, barred };
    if (bounds) this.#addresses.narrow(bounds.first, bounds.last);
  }

  /** A fact, as it is made or read again: where a workload is reached, or that its container is gone. */
  learn(fact: WorkloadFact, atMs: number): void {
    if (fact.type === "ContainerStarted") {
      for (const { ip } of fact.endpoints) this.#own(ip, fact.workload, true);
    } else if (fact.type === "ContainerRemoved") this.free(fact.workload, atMs);
  }

  /** A container that is there has it, running or not, whatever was reported. */
  seen({ workload, containers }: Pick<Entry, "workload" | "containers">): void {
    for (const { fixedAddress, address } of containers) this.#own(fixedAddress ?? address, workload, false);
  }

  /** The address that the workload has, else the next in turn; when all others rest, the one that has rested longest. */
  give(workload: string, nowMs: number): AddressAnswer {
    const on = this.#on;
    if (on === undefined || "error" in on)
      return { ok: false, error: on?.error ?? "the engine did not tell of the containers' network yet" };
    if (on.network.subnet === undefined) return { ok: true };
    const has = this.#addresses.of(workload)[0];
    if (has !== undefined) return { ok: true, address: addressText(has) };
    const suits = (one: number): boolean => !on.barred.has(one);
    const next = this.#addresses.next(nowMs, suits);
    const early = next === undefined ? this.#addresses.nearest(nowMs, suits) : undefined;
    const chosen = next ?? early?.one;
    if (chosen === undefined) return { ok: false, error: this.#lack(on.network, nowMs) };
    this.#addresses.own(chosen, workload);
    const address = addressText(chosen);
    return early
      ? { ok: true, address, word: this.#early(on.network, address, early.leftMs) }
      : { ok: true, address };
  }

  /** The workload needs its address no more, or cannot have it: for a while it is given to nobody. */
  free(workload: string, atMs: number): void {
    this.#addresses.free(workload, atMs);
  }

  /** How many are in use, and how many rest now. */
  counts(nowMs: number): { inUse: number; resting: number } {
    return this.#addresses.counts(nowMs);
  }

  #own(text: string | undefined, workload: string, start: boolean): void {
    const address = addressNumber(text ?? "");
    if (address !== undefined) this.#addresses.own(address, workload, start);
  }

  #lack({ name, subnet }: EngineNetwork, nowMs: number): string {
    return `no address of the network ${name} (${subnet}) is free: ${this.counts(nowMs).inUse} containers of Eru have one, others somebody else; ${larger}`;
  }

  #early({ name, subnet }: EngineNetwork, address: string, leftMs: number): string {
    const rested = Math.round((this.#quarantineMs - leftMs) / 1_000);
    return `${address} served another workload ${rested} s ago and should rest for ${this.#quarantineMs / 1_000} s, but no other address of the network ${name} (${subnet}) is free; ${larger}`;
  }
}

const larger =
  "give the node's agent a larger network: another name in ERU_AGENT_NETWORK, with its addresses in ERU_AGENT_SUBNET";

const highest = 2 ** 32 - 1;

/** An IPv4 address as a number; undefined for anything else. */
function addressNumber(text: string): number | undefined {
  const parts = text.split("/")[0]?.split(".") ?? [];
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

const addressText = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");

/** The first and the last address for containers: without the network's own and the broadcast. */
function subnetBounds(subnet: string): { first: number; last: number } | undefined {
  const base = addressNumber(subnet);
  const bits = Number(subnet.split("/")[1]);
  if (base === undefined || !(bits >= 8 && bits <= 30)) return undefined;
  const size = 2 ** (32 - bits);
  const start = Math.floor(base / size) * size;
  return { first: start + 1, last: start + size - 2 };
}
