import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { addressTest } from "./address.ts";

test.each([
  ["10.0.0.0/8", "10.255.0.1", true],
  ["10.0.0.0/8", "11.0.0.0", false],
  ["10.0.0.1", "10.0.0.1", true],
  ["0.0.0.0/0", "::1", false],
  ["::/0", "10.0.0.1", false],
  ["fd00::/7", "fc12::1", true],
  ["::1", "0:0:0:0:0:0:0:1", true],
  ["::ffff:10.0.0.0/104", "::ffff:a00:1", true],
  ["10.0.0.0/8", "no address", false],
  ["10.0.0.0/8", "10.0.0.300", false],
])("%s holds %s: %s", (block, address, holds) => {
  expect(addressTest([block])(address)).toBe(holds);
});

test("blocks hold what Node's own list of blocks holds", () => {
  const v4 = fc
    .array(fc.constantFrom(0, 1, 127, 255), { minLength: 4, maxLength: 4 })
    .map((parts) => parts.join("."));
  const v6 = fc
    .array(fc.constantFrom("0", "1", "fd00", "ffff"), { minLength: 8, maxLength: 8 })
    .map((parts) => parts.join(":"));
  const case4 = fc.tuple(v4, v4, fc.integer({ min: 0, max: 32 }));
  const case6 = fc.tuple(v6, v6, fc.integer({ min: 0, max: 128 }));
  fc.assert(
    fc.property(fc.oneof(case4, case6), ([address, base, bits]) => {
      const family = isIP(base) === 4 ? "ipv4" : "ipv6";
      const list = new BlockList();
      list.addSubnet(base, bits, family);
      expect(addressTest([`${base}/${bits}`])(address)).toBe(list.check(address, family));
    }),
  );
});
