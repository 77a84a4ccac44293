// What of a running load balancer others on the machine can reach.
import { execFile } from "node:child_process";
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import { startElb, tableOf } from "./testing-nginx.ts";
import { atEnd, endAll } from "./testing-service.ts";

const exec = promisify(execFile);
afterEach(endAll);

/** TCP ports a process listens on. */
async function listeningPorts(pid: number): Promise<number[]> {
  const inodes = new Set<string>();
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "");
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode) inodes.add(inode);
  }
  const ports: number[] = [];
  for (const file of ["tcp", "tcp6"])
    for (const line of (await readFile(`/proc/net/${file}`, "utf8")).split("\n").slice(1)) {
      const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
      if (state === "0A" && inodes.has(inode)) ports.push(Number.parseInt(local.split(":")[1] ?? "", 16));
    }
  return ports;
}

test("nothing but the ports of requests is open, and workers are nobody special", async () => {
  const elb = await startElb(tableOf({}, {}));
  atEnd(elb.stop);
  const { masterPid, workers } = await elb.admin.status();
  const wanted = [elb.port, elb.h2cPort, elb.tlsPort].sort();
  for (const pid of [masterPid, ...workers.map((one) => one.pid)])
    expect([...new Set(await listeningPorts(pid))].sort()).toEqual(wanted);
  for (const { pid } of workers) {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    expect(Number(/^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1])).not.toBe(0);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
  }
});

test("the admin socket's directory is closed to everybody else", async () => {
  const elb = await startElb(tableOf({}, {}));
  atEnd(elb.stop);
  const { mode, uid } = await stat(dirname(elb.nginx.socket));
  expect(mode & 0o777).toBe(0o750);
  expect(uid).toBe(process.getuid?.());
  // Only root can become somebody else to try it.
  if (process.getuid?.() !== 0) return;
  const asNobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
  await expect(
    exec("setpriv", [...asNobody, "curl", "-sS", "--unix-socket", elb.nginx.socket, "http://elb/v1/status"]),
  ).rejects.toThrow(/connect|denied|refused/i);
});
