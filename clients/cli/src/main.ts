import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

// Compiling takes half of a short command's time. The cache stands beside the code, not in a directory others may write
// to; where it cannot be written, nothing is kept.
enableCompileCache(fileURLToPath(new URL("../../../node_modules/.cache/eru", import.meta.url)));
const { main } = await import("./run.ts");
process.exitCode = await main(process.argv.slice(2));
