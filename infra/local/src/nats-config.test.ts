import { expect, test } from "vitest";
import { natsConfig } from "./nats-config.ts";

const place = { listen: { host: "127.0.0.1", port: 4222 }, monitorPort: 8222, storeDir: "/var/lib/eru/nats" };

test("an acknowledgement is durable, and the monitor is on the loopback", () => {
  const text = natsConfig({ ...place, users: [{ role: "setup", name: "setup", password: "secret" }] });
  expect(text).toContain("sync_interval: always");
  expect(text).toContain('http: "127.0.0.1:8222"');
  expect(text).toContain('listen: "127.0.0.1:4222"');
  expect(text).toContain('store_dir: "/var/lib/eru/nats"');
});

test("the same users make the same text", () => {
  const options = {
    ...place,
    users: [{ role: "agent", node: "n1", name: "agent-n1", password: "secret" }],
  } as const;
  expect(natsConfig(options)).toBe(natsConfig(options));
});

test.each(["", 'a"b', "a b", "$2a$11$hash", "a\nb", "ä", "x".repeat(129)])(
  "the password %j is refused",
  (password) => {
    expect(() =>
      natsConfig({ ...place, users: [{ role: "projector", name: "projector", password }] }),
    ).toThrow(RangeError);
    expect(() =>
      natsConfig({ ...place, users: [{ role: "projector", name: password, password: "p" }] }),
    ).toThrow(RangeError);
  },
);

test("a password is not in the error about it", () => {
  const password = "secret with spaces";
  const refuse = () => natsConfig({ ...place, users: [{ role: "projector", name: "projector", password }] });
  expect(refuse).toThrow(expect.not.objectContaining({ message: expect.stringContaining(password) }));
});

test("two users of one name, a path with quotes and a node that is no token are refused", () => {
  const user = { role: "projector", name: "projector", password: "secret" } as const;
  expect(() => natsConfig({ ...place, users: [user, user] })).toThrow("projector");
  expect(() => natsConfig({ ...place, storeDir: '/a"b', users: [] })).toThrow(RangeError);
  const agent = { role: "agent", name: "agent", password: "secret" } as const;
  expect(() => natsConfig({ ...place, users: [{ ...agent, node: "*" }] })).toThrow(RangeError);
  expect(() => natsConfig({ ...place, users: [{ ...agent, node: "n1.>" }] })).toThrow(RangeError);
});
