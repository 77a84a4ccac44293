export * from "./nats-server.ts";
export * from "./specify.ts";
