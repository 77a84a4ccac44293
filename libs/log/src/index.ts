export * from "./errors.ts";
export { type BrokerOptions, connectBroker } from "./jetstream/broker.ts";
export type { LeaseTimes } from "./jetstream/lease.ts";
export * from "./log.ts";
export * from "./memory-log.ts";
