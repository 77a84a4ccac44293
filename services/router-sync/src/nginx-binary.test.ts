import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { featuresOf, findNginx } from "./nginx-binary.ts";

test.each([
  ["nginx version: nginx/1.22.1", false],
  ["nginx version: nginx/1.25.0", false],
  ["nginx version: nginx/1.25.1", true],
  ["nginx version: openresty/1.27.1.2", true],
  ["nginx version: nginx/2.0.0", true],
  ["", false],
])("%s: HTTP/2 is a directive of its own: %s", (text, expected) => {
  expect(featuresOf(text).http2Directive).toBe(expected);
});

const debian = `nginx version: nginx/1.22.1
configure arguments: --with-http_v2_module --modules-path=MODULES --with-stream=dynamic`;
const openresty = `nginx version: openresty/1.27.1.2
configure arguments: --prefix=/usr/local/openresty/nginx --add-module=../ngx_devel_kit-0.3.3 --add-module=../ngx_lua-0.10.28`;

test("OpenResty has Lua built in, Debian's nginx loads it", () => {
  expect(featuresOf(debian).luaBuiltIn).toBe(false);
  expect(featuresOf(openresty).luaBuiltIn).toBe(true);
});

test("the first program that has Lua is taken, before one that has none; a wrong name says what to correct", async () => {
  const dir = await mkdtemp(join(tmpdir(), "eru-nginx-"));
  const program = async (name: string, text: string) => {
    const file = join(dir, name);
    await writeFile(file, `#!/bin/sh\ncat >&2 <<'EOT'\n${text.replace("MODULES", dir)}\nEOT\n`);
    await chmod(file, 0o755);
    return file;
  };
  try {
    const plain = await program("nginx", debian);
    const resty = await program("openresty", openresty);
    expect(await findNginx(undefined, dir)).toBe(resty);
    await writeFile(join(dir, "ngx_http_lua_module.so"), "");
    expect(await findNginx(undefined, dir)).toBe(plain);
    expect(await findNginx(resty, "")).toBe(resty);
    await expect(findNginx(join(dir, "none"), dir)).rejects.toThrow("correct ERU_NGINX_BIN");
  } finally {
    await rm(dir, { recursive: true });
  }
});
