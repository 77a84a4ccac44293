import { basename } from "node:path/posix";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type Docker from "dockerode";
import { extract, pack } from "tar-stream";

/** What is to be copied, and how much of it at most, counted as an archive. */
type Copy = { from: string; to: string; bytesMax: number };

/** More came than may be copied. */
export class TooMuchError extends Error {}

/** Nothing came for too long. */
export class NoProgressError extends Error {}

type Place = { container: Docker.Container; path: string };

/** Copies a file or directory between two containers. Returns the bytes of its archive. */
export async function copyBetween(
  from: Place,
  to: Place,
  { silenceMs, bytesMax }: { silenceMs: number; bytesMax: number },
): Promise<number> {
  const abort = new AbortController();
  let fault: Error | undefined;
  let bytes = 0;
  const fail = (error: Error): void => {
    fault ??= error;
    abort.abort();
  };
  const timer = setTimeout(() => fail(new NoProgressError()), silenceMs);
  const { signal: abortSignal } = abort;
  try {
    const archive = await from.container.getArchive({ path: from.path, abortSignal } as { path: string });
    const moved = renamed(archive as Readable, { from: from.path, to: to.path, bytesMax }, (came) => {
      timer.refresh();
      bytes = came;
    });
    moved.once("error", fail);
    // A directory is not put in place of a file, nor the other way round.
    const asked = { path: "/", noOverwriteDirNonDir: "true", abortSignal };
    await to.container.putArchive(moved, asked as { path: string });
    return bytes;
  } catch (error) {
    throw fault ?? error;
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

/**
 * An archive of one file or directory as one of the same content at another path: Docker names what it gives after the last
 * part of its path, and takes names from the root on. `came` is told how many bytes there were so far. Ends with
 * TooMuchError beyond the most.
 */
function renamed(archive: Readable, { from, to, bytesMax }: Copy, came: (bytes: number) => void): Readable {
  const out = pack();
  const entries = extract();
  for (const stream of [out, entries]) stream.on("error", toldByPipeline);
  const rename = (name: string): string => `${to.slice(1)}${name.slice(basename(from).length)}`;
  entries.on("entry", (header, content, next) => {
    const { name, type, linkname } = header;
    // A hard link names a file of the same archive; a symbolic one says what it says.
    const link = type === "link" && typeof linkname === "string" && { linkname: rename(linkname) };
    const sink = out.entry({ ...header, name: rename(name), ...link }, next);
    for (const stream of [content, sink]) stream.on("error", toldByPipeline);
    content.pipe(sink);
  });
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let total = 0;
    for await (const chunk of chunks) {
      total += chunk.length;
      if (total > bytesMax) throw new TooMuchError();
      came(total);
      yield chunk;
    }
  }
  pipeline(archive, counted, entries).then(
    () => out.finalize(),
    (error: Error) => out.destroy(error),
  );
  return Readable.from(out);
}

/** Every stream of a chain that breaks says so; one is heard. */
const toldByPipeline = (): void => {};
