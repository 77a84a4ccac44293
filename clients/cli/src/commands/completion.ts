import { Argument, type Command } from "commander";
import type { Cli } from "../cli.ts";

/** `eru completion`: written from the commands themselves, so that it cannot fall behind them. */
export function addCompletion(cli: Cli): void {
  cli.program
    .command("completion")
    .description("a script that completes commands and options: source <(eru completion bash)")
    .addArgument(new Argument("<shell>").choices(["bash"]))
    .action(() => cli.io.out(script(cli.program)));
}

type Place = { path: string; words: string[] };

/** Every command by its path, with the words that may follow. */
function placesOf(command: Command, path: string, inherited: readonly string[]): Place[] {
  const options = [...inherited, ...command.options.flatMap(({ long }) => long ?? [])];
  const subcommands = command.commands.map((one) => one.name());
  const words = [...subcommands, ...options, "--help"];
  const below = command.commands.flatMap((one) => placesOf(one, `${path} ${one.name()}`, inherited));
  return [{ path, words }, ...below];
}

function script(program: Command): string {
  const everywhere = program.options.flatMap(({ long }) => long ?? []).filter((long) => long !== "--version");
  const [root, ...commands] = placesOf(program, "", []);
  const places = commands.map(({ path, words }) => ({ path, words: [...words, ...everywhere] }));
  const known = places.map(({ path }) => `"${path}"`).join("|");
  return `_eru() {
  local current=\${COMP_WORDS[COMP_CWORD]} path="" word words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in ${known}) path="$path $word" ;; esac
  done
  case "$path" in
${places.map(({ path, words }) => `    "${path}") words="${words.join(" ")}" ;;\n`).join("")}    *) words="${root?.words.join(" ")}" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _eru eru
`;
}
