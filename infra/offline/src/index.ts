export { type OfflineZone, openOffline } from "./offline.ts";
export { LogFileError } from "./read-export.ts";
