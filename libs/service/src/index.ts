export * from "./config.ts";
export * from "./http.ts";
export * from "./metrics.ts";
export * from "./problem.ts";
export * from "./process.ts";
export * from "./tokens.ts";
export * from "./wait.ts";
export * from "./wake.ts";
