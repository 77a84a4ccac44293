import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folderOf = (name: string): string => dirname(fileURLToPath(import.meta.resolve(name)));

/**
 * Names the program as far as it decides what a log means: every source file of the domain, the contracts and the kinds of
 * resources, as it is on the disk. Nobody has to remember to count a version up.
 */
export function codeVersion(): string {
  const folders = [
    join(import.meta.dirname, ".."),
    folderOf("@eru/events"),
    folderOf("@eru/resources"),
    folderOf("@eru/routing"),
  ];
  const hash = createHash("sha256");
  for (const folder of folders)
    for (const file of sourcesIn(folder)) hash.update(`${file}\n`).update(readFileSync(join(folder, file)));
  return hash.digest("hex");
}

const sourcesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .sort();
