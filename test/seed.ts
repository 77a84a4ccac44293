import fc from "fast-check";

// A test fails for what was changed, not for its luck: properties are tried on the same values each time.
// ERU_SEED=<number> tries others, ERU_SEED=random ever new ones; a failure prints its seed.
const seed = process.env["ERU_SEED"] ?? "1";
if (seed !== "random") {
  if (!/^-?\d+$/.test(seed))
    throw new Error(`ERU_SEED is ${JSON.stringify(seed)}: a whole number, or "random"`);
  fc.configureGlobal({ seed: Number(seed) });
}
