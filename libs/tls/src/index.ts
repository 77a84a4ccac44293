export * from "./check.ts";
export * from "./request.ts";
export * from "./seal.ts";
