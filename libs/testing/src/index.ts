export * from "./load.ts";
export * from "./nats-dialogue.ts";
export * from "./nats-server.ts";
export * from "./specify.ts";
export * from "./tcp-proxy.ts";
