export * from "./edge-lines.ts";
export * from "./limits.ts";
export * from "./pool-name.ts";
export * from "./precedence.ts";
export * from "./route-fault.ts";
export * from "./selectors.ts";
