import { readdir, readFile, readlink } from "node:fs/promises";

/**
 * Ends a process that an engine on this machine started in a container, with its whole group; false when it cannot be
 * found, as when the agent does not see the machine's processes. The engine counts processes in its own namespace, and
 * `mark` is in the environment of the container's processes alone: no other process is touched.
 */
export async function endProcess(sought: { enginePid: number; mark: string }): Promise<boolean> {
  if (sought.enginePid <= 1) return false;
  const own = await readlink("/proc/self/ns/pid");
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name) || !(await isSought(name, own, sought))) continue;
    try {
      process.kill(-Number(name), "SIGKILL");
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ESRCH") return true; // It has ended by itself.
      if (code === "EPERM") return false;
      throw error;
    }
  }
  return false;
}

async function isSought(pid: string, own: string, { enginePid, mark }: { enginePid: number; mark: string }) {
  try {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    // Its numbers in every namespace it is in, from this one inwards.
    const numbers = /^NSpid:\s*(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
    if (!numbers.includes(String(enginePid))) return false;
    if ((await readlink(`/proc/${pid}/ns/pid`)) === own) return false;
    return (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0").includes(mark);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Gone meanwhile, or none of this agent's business.
    if (code === "ENOENT" || code === "ESRCH" || code === "EACCES" || code === "EPERM") return false;
    throw error;
  }
}
