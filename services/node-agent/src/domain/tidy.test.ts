import { expect, test } from "vitest";
import { Drive } from "../../test/drive.ts";
import { assigned, stopAssigned } from "../../test/orders.ts";
import { act } from "../act.ts";
import type { Action } from "./reconcile.ts";
import { tidyWaitMs } from "./tidy.ts";

const [old, next] = ["shop-web-abc123-1", "shop-web-abc123-2"];

/** One that runs and is ordered to stop while another is being made; what is begun is finished by the test. */
class Busy {
  readonly drive = new Drive();
  #open: Action[] = [];

  async begin(order = stopAssigned(old, 2)): Promise<this> {
    this.drive.order(assigned({ workload: old }));
    await (await this.drive.begin()).settle();
    this.drive.order(assigned({ workload: next })).order(order);
    return this.next();
  }

  next(): this {
    this.#open.push(...this.drive.agent.next(this.drive.nowMs).actions);
    return this;
  }

  /** The action is done at the engine, and the agent goes on. */
  async done(name: Action["do"]): Promise<this> {
    const at = this.#open.findIndex((action) => action.do === name);
    const [action] = this.#open.splice(at, 1);
    if (!action) throw new Error(`no ${name} is under way`);
    this.drive.agent.finished(action, await act(this.drive.engine, action), this.drive.nowMs);
    return this.next();
  }

  get underWay(): string[] {
    return this.#open.map((action) => action.do);
  }
}

test("a container that is over is removed when nothing is being created or started any more", async () => {
  const busy = await new Busy().begin();
  expect(busy.underWay.toSorted()).toEqual(["create", "stop"]);
  expect((await busy.done("stop")).underWay).toEqual(["create"]);
  expect((await busy.done("create")).underWay).toEqual(["start"]);
  expect((await busy.done("start")).underWay).toEqual(["remove"]);
});

test("while others are started without end, it is removed after its time", async () => {
  const busy = await (await new Busy().begin()).done("stop");
  busy.drive.nowMs += tidyWaitMs - 1;
  expect(busy.next().underWay).toEqual(["create"]);
  busy.drive.nowMs += 1;
  expect(busy.next().underWay).toEqual(["create", "remove"]);
});

test("one whose place the next container takes goes at once", async () => {
  const busy = await (await new Busy().begin(assigned({ workload: old, generation: 2 }))).done("stop");
  expect(busy.underWay.toSorted()).toEqual(["create", "remove"]);
});
