import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/** Longest line, in characters: what the engine streams is far shorter. */
const lineMax = 1024 * 1024;

/** The JSON objects of a stream, one per line. Lines that are not JSON are left out; an endless one is an error. */
export async function* jsonLines(stream: Readable): AsyncGenerator<object> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(chunk as Buffer)).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > lineMax)
      throw new RangeError(`a line of the engine has more than ${lineMax} characters`);
    for (const line of lines) yield* parsed(line);
  }
  yield* parsed(rest);
}

function* parsed(line: string): Generator<object> {
  if (line.trim() === "") return;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) yield value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
}
