// The supervisor's process: `node supervisor-main.ts HOME`. SIGHUP reads the plan again; SIGTERM ends it and nothing else.
import { LocalError } from "./errors.ts";
import { Home } from "./home.ts";
import { takeMutex } from "./mutex.ts";
import { readPlan } from "./plan.ts";
import { readSecrets } from "./secrets.ts";
import { acmeVariables, agentVariables, unitSpecs } from "./specs.ts";
import { runSupervisor } from "./supervisor.ts";

const home = new Home(process.argv[2] ?? "");
const say = (text: string) => console.log(`${new Date().toISOString()} ${text}`);
if (!(await takeMutex("supervisor", home.path))) {
  say("another supervisor runs: this one ends");
  process.exit(0);
}
const stop = new AbortController();
let reloads = 0;
process.once("SIGTERM", () => stop.abort());
process.once("SIGINT", () => stop.abort());
process.on("SIGHUP", () => reloads++);
say(`supervisor of ${home.path} is process ${process.pid}`);
await runSupervisor({
  home,
  specs: () => {
    const plan = readPlan(home);
    const secrets = readSecrets(home);
    if (!plan || !secrets) throw new LocalError(`${home.path} holds no installation: eru up`);
    return unitSpecs(home, plan, secrets, {
      path: process.env["PATH"] ?? "",
      acme: acmeVariables(process.env),
      agent: agentVariables(process.env),
    });
  },
  reloads: () => reloads,
  say,
  signal: stop.signal,
});
say("supervisor ends; what it started goes on");
process.exit(0);
