// Are the npm dependencies those of the lock file? Prints what it found and exits 1 when `npm ci` is due. Plain
// JavaScript: it runs on the machine's own Node before anything is installed. Compares contents, not dates: a checkout
// gives files new dates.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../..");
const packagesOf = (path) => JSON.parse(readFileSync(join(root, path), "utf8")).packages;

/** The first difference that matters, or nothing. Optional packages are other platforms' builds. */
function difference() {
  if (!existsSync(join(root, "node_modules/.package-lock.json"))) return "none";
  const installed = packagesOf("node_modules/.package-lock.json");
  for (const [path, wanted] of Object.entries(packagesOf("package-lock.json"))) {
    if (!path.startsWith("node_modules/") || wanted.optional || wanted.peer) continue;
    const found = installed[path];
    if (!found || !existsSync(join(root, path))) return `no ${path.slice("node_modules/".length)}`;
    if (found.version !== wanted.version) return `${path.slice("node_modules/".length)} ${found.version}`;
  }
  return undefined;
}

const found = difference();
console.log(found ?? "installed");
process.exit(found ? 1 : 0);
