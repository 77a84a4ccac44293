export { type DownOptions, down } from "./down.ts";
export { LocalError } from "./errors.ts";
export { defaultHome, demoHome } from "./home.ts";
export type { Installation } from "./installation.ts";
export { nodesMax, type WantedPorts } from "./plan.ts";
export type { NodeAt } from "./rig.ts";
export { type Status, status, type UnitStatus } from "./status.ts";
export { doctor, type Tool } from "./tools.ts";
export { type UpOptions, up } from "./up.ts";
