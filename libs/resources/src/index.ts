export { Books, engineSettings, kindNames } from "./books.ts";
export { type Demand, demandOf, demandText, milliOf } from "./demand.ts";
export type { EngineOrder, EngineSettings } from "./engine.ts";
export type { KindName, Lack, Line, ResourceKind } from "./kind.ts";
export { alikeMost, type Likeness, likenessOf } from "./likeness.ts";
export { isOffered, offered } from "./offered.ts";
export { reallocated, type Settled, settle } from "./settle.ts";
export { parseVolume, VolumeTextError, volumeText } from "./volume/text.ts";
