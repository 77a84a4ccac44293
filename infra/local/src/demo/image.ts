import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import Docker from "dockerode";
import { pack } from "tar-stream";
import { LocalError } from "../errors.ts";
import { repository } from "../home.ts";
import type { NodeAt } from "../rig.ts";

const run = promisify(execFile);
/** The example app: source, Dockerfile and app.yaml. */
export const helloDirectory = join(repository, "examples/hello");
const program = join(repository, ".eru/build/hello");

/** What the demo deploys: named by the app's last commit, or by its content where there is none or it differs. */
export type Release = { name: string; gitSha: string | undefined };

/** The release that the example's files are. */
export async function helloRelease(): Promise<Release> {
  try {
    const { stdout } = await run("git", ["-C", helloDirectory, "log", "-1", "--format=%H", "--", "."]);
    const { stdout: changes } = await run("git", ["-C", helloDirectory, "status", "--porcelain", "--", "."]);
    const sha = stdout.trim();
    if (sha !== "" && changes === "") return { name: sha.slice(0, 12), gitSha: sha };
  } catch (error) {
    // No git, or no checkout.
    if (!(error instanceof Error && "code" in error)) throw error;
  }
  return { name: `content-${contentHash()}`, gitSha: undefined };
}

function contentHash(): string {
  const hash = createHash("sha256");
  for (const file of [
    "app.yaml",
    "Dockerfile",
    "Makefile",
    ...readdirSync(join(helloDirectory, "src"))
      .sort()
      .map((name) => `src/${name}`),
  ])
    hash
      .update(file)
      .update("\0")
      .update(readFileSync(join(helloDirectory, file)));
  return hash.digest("hex").slice(0, 12);
}

/** Compiles the program where that is due. @throws LocalError with the compiler's words */
export async function compileHello(): Promise<void> {
  try {
    await run("make", ["--silent", "-C", helloDirectory, `OUT=${program}`]);
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : String(error);
    throw new LocalError(`examples/hello does not compile: ${said}`, { cause: error });
  }
}

/** Builds the image on the first node and copies it to the others; says for each whether it was there. */
export async function provideImage(
  tag: string,
  nodes: readonly NodeAt[],
): Promise<"built" | "copied" | "there"> {
  const engines = nodes.map(({ socket }) => new Docker({ socketPath: socket }));
  const [first, ...others] = engines;
  if (!first) throw new LocalError("there is no node to build on");
  const built = !(await has(first, tag));
  if (built) await build(first, tag);
  const lacking: Docker[] = [];
  for (const engine of others) if (!(await has(engine, tag))) lacking.push(engine);
  await Promise.all(lacking.map((engine) => copy(first, engine, tag)));
  return built ? "built" : lacking.length > 0 ? "copied" : "there";
}

async function has(engine: Docker, tag: string): Promise<boolean> {
  try {
    await engine.getImage(tag).inspect();
    return true;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return false;
    throw error;
  }
}

async function build(engine: Docker, tag: string): Promise<void> {
  const context = pack();
  context.entry({ name: "Dockerfile" }, readFileSync(join(helloDirectory, "Dockerfile")));
  context.entry({ name: "hello", mode: 0o755 }, readFileSync(program));
  context.finalize();
  await finished(engine, await engine.buildImage(Readable.from(context), { t: tag }), `building ${tag}`);
}

async function copy(from: Docker, to: Docker, tag: string): Promise<void> {
  const saved = await from.getImage(tag).get();
  await finished(to, await to.loadImage(saved), `copying ${tag}`);
}

/** Reads an engine's progress to its end. An error comes inside of it, after status 200. */
async function finished(engine: Docker, progress: NodeJS.ReadableStream, doing: string): Promise<void> {
  const steps = await new Promise<{ error?: string }[]>((resolve, reject) => {
    engine.modem.followProgress(progress, (error, output) => (error ? reject(error) : resolve(output ?? [])));
  });
  const failed = steps.find(({ error }) => error !== undefined);
  if (failed) throw new LocalError(`${doing} failed: ${failed.error}`);
}
