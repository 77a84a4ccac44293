import { expect, test } from "vitest";
import { ServerTooOldError } from "../errors.ts";
import { checkServerVersion } from "./version.ts";

test.each([
  "2.12.14",
  "2.12.15",
  "2.14.4",
  "2.14.10",
  "2.15.0",
  "2.15.1",
  "v2.16.0",
  "2.15.0-dev",
  "3.0.0",
  "10.0.0",
])("nats-server %s is new enough", (version) => {
  expect(() => checkServerVersion(version)).not.toThrow();
});

test.each([
  "2.9.10",
  "2.10.27",
  "2.11.9",
  "2.12.13",
  "2.12.1",
  "2.13.9",
  "2.14.3",
  "1.99.99",
  "0.0.0",
  "2",
  "",
  "unknown",
])("nats-server %j is refused by name", (version) => {
  expect(() => checkServerVersion(version)).toThrow(ServerTooOldError);
  expect(() => checkServerVersion(version)).toThrow(version || '""');
});
