import { expect, test } from "vitest";
import { hostName } from "./host.ts";

test.each([
  ["www.example.org", "www.example.org"],
  ["*", "*"],
  ["größe.de", "xn--gre-6ka8i.de"],
  ["*.größe.de", "*.xn--gre-6ka8i.de"],
  ["größe .de", "größe .de"],
  ["WWW.org:80", "WWW.org:80"],
])("%s is asked for as %s", (text, host) => {
  expect(hostName(text)).toBe(host);
});
