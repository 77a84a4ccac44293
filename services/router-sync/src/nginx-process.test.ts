import { expect, test } from "vitest";
import { hasHttp2Directive } from "./nginx-process.ts";

test.each([
  ["nginx version: nginx/1.22.1", false],
  ["nginx version: nginx/1.25.0", false],
  ["nginx version: nginx/1.25.1", true],
  ["nginx version: openresty/1.27.1.2", true],
  ["nginx version: nginx/2.0.0", true],
  ["", false],
])("%s: HTTP/2 is a directive of its own: %s", (said, expected) => {
  expect(hasHttp2Directive(said)).toBe(expected);
});
