import { z } from "zod";

/** Where requests are logged: `file`, `off`, or a syslog server as `syslog:host:port` or `syslog:unix:/path`. */
export const AccessLog = z
  .string()
  .regex(
    /^(file|off|syslog:([A-Za-z0-9.-]+|\[[0-9a-f:.]+\]):[1-9]\d{0,4}|syslog:unix:\/[A-Za-z0-9_./-]{1,100})$/,
    "wanted file, off, syslog:host:port or syslog:unix:/path",
  );

/** The directive of nginx. A syslog gets each request as it ends; a file gets them together, once a second. */
export function accessLogDirective(where: string, logDir: string): string {
  if (where === "off") return "off";
  if (where === "file") return `${logDir}/access.log eru buffer=64k flush=1s`;
  return `syslog:server=${where.slice("syslog:".length)},tag=eru_elb,nohostname eru`;
}
