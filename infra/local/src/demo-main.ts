// `make demo`, `make down`, `make purge`, `make status`.
import { demo } from "./demo/demo.ts";
import { down } from "./down.ts";
import { LocalError } from "./errors.ts";
import { defaultHome, demoHome } from "./home.ts";
import { status } from "./status.ts";

// ERU_HOME moves it, as everywhere.
const home = process.env["ERU_HOME"] ? defaultHome() : demoHome;
const seconds = (value: number) => `${value.toFixed(1).padStart(6)} s`;

async function runDemo(): Promise<void> {
  const wanted = process.env["NODES"] ?? "3";
  const nodes = Number(wanted);
  if (!Number.isInteger(nodes))
    throw new LocalError(`NODES is ${JSON.stringify(wanted)}: a number is wanted`);
  const begun = performance.now();
  const result = await demo({
    home,
    nodes,
    say: (text) => console.log(`           ${text}`),
    tell: (step, outcome, took) => console.log(`${seconds(took)}  ${step}: ${outcome}`),
  });
  for (const { id, node, version } of result.answers)
    console.log(`           ${id} on ${node} answered as version ${version}`);
  console.log(`${seconds((performance.now() - begun) / 1000)}  in all

It runs on, also without this terminal. \`make down\` ends it, \`make demo\` again is quick and keeps its data.

  your app    curl -H 'Host: hello.localhost' ${result.elbUrl}/      or ${result.elbUrl.replace("127.0.0.1", "hello.localhost")} in a browser
  commands    ${result.commandUrl}/docs
  queries     ${result.queryUrl}/docs
  token       in ${result.contextFile}, which only you can read; the command line finds it
  logs        ${home}/log

Try next:

  npx eru scale ${result.deployment} 5
  npx eru upgrade ${result.deployment} --release ${result.release} --env VERSION=two
  npx eru why ${result.deployment}
`);
}

async function showStatus(): Promise<void> {
  const { phase, units, supervisorPid } = await status({ home });
  if (phase === "absent") throw new LocalError(`nothing is installed in ${home}: make demo`);
  console.log(`${phase}${supervisorPid === undefined ? ", no supervisor" : `, supervisor ${supervisorPid}`}`);
  console.table(units.map(({ logFile: _, since: __, ...unit }) => unit));
  if (phase !== "up") process.exitCode = 1;
}

const commands: Record<string, () => Promise<void>> = {
  demo: runDemo,
  down: () => down({ home, tell: console.log }),
  purge: () => down({ home, purge: true, tell: console.log }),
  status: showStatus,
};

try {
  const name = process.argv[2] ?? "demo";
  const command = commands[name];
  if (!command) throw new LocalError(`there is no ${name}: ${Object.keys(commands).join(", ")}`);
  await command();
} catch (error) {
  if (!(error instanceof LocalError)) throw error;
  console.error(`eru: ${error.message}`);
  process.exitCode = 1;
}
