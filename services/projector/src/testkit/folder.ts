import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder for databases that is removed at the end of the scope. */
export function temporaryFolder(): Disposable & { file: (name: string) => string } {
  const folder = mkdtempSync(join(tmpdir(), "eru-projector-"));
  return {
    file: (name) => join(folder, name),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
