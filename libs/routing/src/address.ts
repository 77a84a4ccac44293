/** An address as a number of 32 or 128 bits. */
type Address = { bits: 32 | 128; number: bigint };

/** A test whether an address is in one of these blocks; a v4 address is never in a v6 block. */
export function addressTest(blocks: readonly string[]): (address: string) => boolean {
  const parsed = blocks.flatMap((block) => {
    const [text = "", length] = block.split("/");
    const address = parseAddress(text);
    if (!address) return [];
    const shift = BigInt(address.bits - Number(length ?? address.bits));
    return [{ bits: address.bits, shift, head: address.number >> shift }];
  });
  return (text) => {
    const address = parseAddress(text);
    return (
      address !== undefined &&
      parsed.some(({ bits, shift, head }) => bits === address.bits && address.number >> shift === head)
    );
  };
}

function parseAddress(text: string): Address | undefined {
  const v4 = parseV4(text);
  if (v4 !== undefined) return { bits: 32, number: v4 };
  const [head = "", tail, ...more] = text.split("::");
  if (!text.includes(":") || more.length > 0) return undefined;
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  if (!before || !after) return undefined;
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...before, ...Array<bigint>(missing).fill(0n), ...after];
  return { bits: 128, number: groups.reduce((number, group) => (number << 16n) | group, 0n) };
}

function parseV4(text: string): bigint | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const parts = text.split(".").map(Number);
  return parts.some((part) => part > 255)
    ? undefined
    : parts.reduce((number, part) => (number << 8n) | BigInt(part), 0n);
}

/** Groups of 16 bits; the last two may be written as a v4 address. */
function groupsOf(text: string): bigint[] | undefined {
  if (text === "") return [];
  const groups: bigint[] = [];
  for (const part of text.split(":")) {
    const v4 = parseV4(part);
    if (v4 !== undefined) groups.push(v4 >> 16n, v4 & 0xffffn);
    else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}
