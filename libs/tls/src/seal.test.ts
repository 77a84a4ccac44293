import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SealError, SealFileError, SealKeys, withNewSealKey } from "./seal.ts";

const first = withNewSealKey(undefined);
const keys = SealKeys.fromText(first);

test("what is sealed for an owner is opened for that owner alone", () => {
  const sealed = keys.seal("a secret", "certificate:www");
  expect(sealed).not.toContain("secret");
  expect(keys.open(sealed, "certificate:www")).toBe("a secret");
  expect(() => keys.open(sealed, "certificate:other")).toThrow(SealError);
});

test("the same secret is never sealed the same way twice", () => {
  expect(keys.seal("s", "o")).not.toBe(keys.seal("s", "o"));
});

test("a changed sealed text is refused, whatever was changed", () => {
  const sealed = keys.seal("a secret", "o");
  for (let at = 0; at < sealed.length; at++) {
    const changed = `${sealed.slice(0, at)}${sealed[at] === "A" ? "B" : "A"}${sealed.slice(at + 1)}`;
    // The last character of base64 has bits that mean nothing.
    if (at === sealed.length - 1) continue;
    expect(() => keys.open(changed, "o"), `at ${at}`).toThrow(SealError);
  }
  expect(() => keys.open("", "o")).toThrow(SealError);
});

test("after a rotation new secrets have the new key, and old ones can still be opened", () => {
  const old = keys.seal("old", "o");
  const rotated = SealKeys.fromText(withNewSealKey(first));
  const fresh = rotated.seal("new", "o");
  expect(fresh.split(".")[1]).not.toBe(old.split(".")[1]);
  expect(rotated.open(old, "o")).toBe("old");
  expect(rotated.open(fresh, "o")).toBe("new");
  expect(() => keys.open(fresh, "o")).toThrow(/no seal key k2-[0-9a-f]{6} here/);
});

test("a file that is missing, damaged or open to others is refused without its content", () => {
  const directory = mkdtempSync(join(tmpdir(), "eru-seal-"));
  try {
    const path = join(directory, "seal.json");
    expect(() => SealKeys.read(path)).toThrow(SealFileError);
    writeFileSync(path, first, { mode: 0o600 });
    expect(SealKeys.read(path).open(keys.seal("x", "o"), "o")).toBe("x");
    chmodSync(path, 0o640);
    expect(() => SealKeys.read(path)).toThrow(/chmod 600/);
    chmodSync(path, 0o600);
    for (const bad of ["", "{}", first.slice(0, -10), first.replace('"current"', '"currant"')]) {
      writeFileSync(path, bad);
      const key = Object.values<string>(JSON.parse(first).keys)[0] ?? "";
      expect(() => SealKeys.read(path)).toThrow(SealFileError);
      expect(() => SealKeys.read(path)).not.toThrow(key);
      expect(() => withNewSealKey(bad)).toThrow(SealFileError);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
