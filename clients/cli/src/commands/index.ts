import { readFileSync } from "node:fs";
import type { Cli } from "../cli.ts";
import { addApp } from "./app.ts";
import { addCert } from "./cert.ts";
import { addCompletion } from "./completion.ts";
import { addContext } from "./context.ts";
import { addDeploy, addRemove, addScale } from "./deploy.ts";
import { addDeployment } from "./deployment.ts";
import { addDrains } from "./drain.ts";
import { addElb } from "./elb.ts";
import { addEvents } from "./events.ts";
import { addLocal } from "./local.ts";
import { addLog } from "./log.ts";
import { addNode } from "./node.ts";
import { addPlan } from "./plan.ts";
import { addPod } from "./pod.ts";
import { addQuota } from "./quota.ts";
import { addRebalance } from "./rebalance.ts";
import { addRelease } from "./release.ts";
import { addRollout } from "./rollout.ts";
import { addRoute } from "./route.ts";
import { addRouteExplain } from "./route-explain.ts";
import { addRouteImport } from "./route-import.ts";
import { addRouteTest } from "./route-test.ts";
import { addSimNodes } from "./sim-nodes.ts";
import { addUpgrade } from "./upgrade.ts";
import { addUsage } from "./usage.ts";
import { addWhy } from "./why.ts";
import { addWorkload } from "./workload.ts";

/** All commands, in the order of `eru --help`. */
export function addCommands(cli: Cli): void {
  const { program, io } = cli;
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  program
    .description("Eru places containers on machines, and keeps every decision with its reasons.")
    .version(String(version))
    .option("--json", "answer with JSON: one document, or a line each for streams")
    .option("--context <file>", "where the servers and the token are (default: ERU_CONTEXT, or the nearest)")
    .option("--command-id <id>", "idempotency key: the same command under the same id happens once")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true, sortOptions: false })
    .configureOutput({
      writeOut: io.out,
      writeErr: io.err,
      outputError: (text, write) => write(text.replace(/^error: /, "eru: ")),
      getOutHelpWidth: () => Math.min(io.columns, 120),
      getErrHelpWidth: () => Math.min(io.columns, 120),
      getOutHasColors: () => io.colour,
      getErrHasColors: () => io.colour,
    })
    .exitOverride();
  program.commandsGroup("This machine:");
  addLocal(cli);
  addSimNodes(cli);
  program.commandsGroup("What there is:");
  addPod(cli);
  addNode(cli);
  addDrains(cli);
  addRebalance(cli);
  addApp(cli);
  addRelease(cli);
  addQuota(cli);
  program.commandsGroup("What runs:");
  addDeploy(cli);
  addPlan(cli);
  addDeployment(cli);
  addRollout(cli);
  addWorkload(cli);
  const route = addRoute(cli);
  addRouteExplain(cli, route);
  addRouteTest(cli, route);
  addRouteImport(cli, route);
  addCert(cli);
  addElb(cli);
  program.commandsGroup("In short:");
  addScale(cli, program);
  addUpgrade(cli, program);
  addRemove(cli, program);
  program.commandsGroup("What happened and why:");
  addEvents(cli);
  addLog(cli);
  addWhy(cli);
  addUsage(cli);
  program.commandsGroup("This program:");
  addContext(cli);
  addCompletion(cli);
}
