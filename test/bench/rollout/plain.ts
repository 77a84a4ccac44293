import type Docker from "dockerode";
import { timed } from "../figures.ts";
import { atOnce, batch, count, labelled, memoryMib } from "./setting.ts";

/** What a program could do at best that calls the engine itself: the floor for everybody on that kind of network. */
export async function plainRound(
  engine: Docker,
  image: string,
  network: string,
): Promise<{ create: number; update: number }> {
  const start = (name: string) => startOn(engine, image, network, name);
  const names = Array.from({ length: count }, (_, n) => n);
  const create = await timed(() => inTurns(names, atOnce, (n) => start(`plain-old-${n}`)));
  const update = await timed(async () => {
    for (let at = 0; at < count; at += batch) {
      const now = names.slice(at, at + batch);
      await inTurns(now, atOnce, (n) => start(`plain-new-${n}`));
      await inTurns(now, atOnce, (n) => end(engine, `plain-old-${n}`));
    }
  });
  await inTurns(names, atOnce, (n) => end(engine, `plain-new-${n}`));
  return { create, update };
}

async function startOn(engine: Docker, image: string, network: string, name: string): Promise<void> {
  const container = await engine.createContainer({
    name,
    Image: image,
    Labels: labelled,
    HostConfig: { Memory: memoryMib * 1024 ** 2, NanoCpus: 10_000_000, NetworkMode: network },
  });
  await container.start();
}

async function end(engine: Docker, name: string): Promise<void> {
  const container = engine.getContainer(name);
  await container.stop({ t: 10 });
  await container.remove({ force: true });
}

async function inTurns<T>(all: readonly T[], width: number, work: (one: T) => Promise<void>): Promise<void> {
  const left = all.values();
  const worker = async () => {
    for (const one of left) await work(one);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
