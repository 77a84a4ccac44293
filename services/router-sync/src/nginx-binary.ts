// Which nginx there is and what it can: Debian's, which loads Lua as a module, or OpenResty, which has it built in.
import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { NginxStartError } from "./nginx-error.ts";

const luaModule = "ngx_http_lua_module.so";

/** What a program says its version is and how it was built; empty when it does not. */
export const said = (bin: string): Promise<string> =>
  new Promise((resolve) => execFile(bin, ["-V"], (_error, stdout, stderr) => resolve(stdout + stderr)));

/** What a configuration has to be written differently for, by what `-V` says. */
export function featuresOf(text: string): { http2Directive: boolean; luaBuiltIn: boolean } {
  const [major = 0, minor = 0, patch = 0] = (/version: \w+\/(\d+)\.(\d+)\.(\d+)/.exec(text) ?? [])
    .slice(1)
    .map(Number);
  return {
    // From nginx 1.25.1 on, and openresty of the same number.
    http2Directive: major > 1 || (major === 1 && (minor > 25 || (minor === 25 && patch >= 1))),
    luaBuiltIn: /--add-module=\S*(ngx_lua|lua-nginx-module)/.test(text),
  };
}

const there = (file: string, mode = constants.F_OK): Promise<boolean> =>
  access(file, mode).then(
    () => true,
    () => false,
  );

/** Whether a program has Lua, built in or beside it as a module. */
async function hasLua(bin: string): Promise<boolean> {
  const text = await said(bin);
  const modules = /--modules-path=(\S+)/.exec(text)?.[1];
  return featuresOf(text).luaBuiltIn || (modules !== undefined && (await there(join(modules, luaModule))));
}

/**
 * The nginx to run: the given one, else the first `nginx` or `openresty` that has Lua, where such programs are.
 * @throws NginxStartError there is none, and what to install
 */
export async function findNginx(given: string | undefined, path: string): Promise<string> {
  if (given !== undefined) {
    if (await there(given, constants.X_OK)) return given;
    throw new NginxStartError(`${given} is not a program: correct ERU_NGINX_BIN`);
  }
  const places = [
    ...path.split(delimiter).filter((place) => place !== ""),
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/local/openresty/nginx/sbin",
  ];
  let first: string | undefined;
  for (const bin of places.flatMap((place) => [join(place, "nginx"), join(place, "openresty")])) {
    if (!(await there(bin, constants.X_OK))) continue;
    if (await hasLua(bin)) return bin;
    first ??= bin; // It will say itself what it lacks.
  }
  if (first !== undefined) return first;
  throw new NginxStartError(
    "there is no nginx on this machine: install nginx with its Lua module (Debian: nginx libnginx-mod-http-lua lua-cjson)",
  );
}
