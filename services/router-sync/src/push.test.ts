import { createLog } from "@eru/service";
import fc from "fast-check";
import { expect, test } from "vitest";
import { RouteFold } from "./domain/route-fold.ts";
import { apply, type Line } from "./domain/table.ts";
import { NginxUnreachableError, type WriteAnswer } from "./nginx-admin.ts";
import { Pusher, type Rejection } from "./push.ts";
import { assigned, exited, healthy, recorder, route, routeRemoved, started } from "./testing.ts";

/** nginx's side of the protocol in memory, with what can go wrong on request. */
class FakeNginx {
  bootId = "b1";
  epoch = "e1";
  seq = 0;
  token = 1;
  table = new Map<string, string>();
  readonly calls: string[] = [];
  next: ("writer" | "memory" | "lost" | "lost after")[] = [];
  refuses: (line: Line) => string | undefined = () => undefined;

  restart(): void {
    this.bootId = `${this.bootId}'`;
    this.token = 1;
  }

  readonly admin = {
    table: async () => {
      this.calls.push("table");
      const { bootId, epoch, seq, token } = this;
      return { bootId, epoch, seq, token, table: new Map(this.table) };
    },
    delta: async (header: { epoch: string; base: number; seq: number }, lines: readonly Line[]) => {
      this.calls.push(`delta ${header.base}-${header.seq}: ${lines.map(({ key }) => key).join(" ")}`);
      if (header.epoch !== this.epoch || header.base !== this.seq) return { ok: false, why: "base" } as const;
      return this.#write(header, lines, apply(this.table, lines));
    },
    generation: async (header: { epoch: string; seq: number }, lines: readonly Line[]) => {
      this.calls.push(`generation ${header.seq}: ${lines.length}`);
      return this.#write(header, lines, apply(new Map(), lines));
    },
  };

  #write(
    { epoch, seq }: { epoch: string; seq: number },
    lines: readonly Line[],
    table: Map<string, string>,
  ): WriteAnswer {
    const trouble = this.next.shift();
    if (trouble === "writer" || trouble === "memory") return { ok: false, why: trouble };
    if (trouble === "lost") throw new NginxUnreachableError("lost");
    for (const line of lines) {
      const reason = this.refuses(line);
      if (reason !== undefined) return { ok: false, why: "line", key: line.key, reason };
    }
    Object.assign(this, { epoch, seq, table, token: this.token + 1 });
    if (trouble === "lost after") throw new NginxUnreachableError("lost after it was applied");
    return { ok: true, token: this.token };
  }
}

function setting() {
  const nginx = new FakeNginx();
  const fold = new RouteFold("default");
  const record = recorder();
  const rejections: Rejection[] = [];
  const log = createLog("test", "fatal");
  const pusher = new Pusher({
    fold,
    admin: nginx.admin,
    log,
    rejected: (rejection) => rejections.push(rejection),
  });
  const happen = (...events: Parameters<typeof record>[0][]) => {
    for (const event of events) fold.apply(record(event));
  };
  return { nginx, fold, pusher, rejections, happen };
}
const up = (workload: string) => [assigned(workload), started(workload), healthy(workload)];
const helloRoute = route("hello.org", "/ hello/web");

test("the first push looks at nginx and brings the difference, later ones only what was touched", async () => {
  const { nginx, pusher, happen, fold } = setting();
  happen(helloRoute, ...up("hello-web-1"));
  expect(await pusher.push("e1")).toEqual({
    bootId: "b1",
    appliedSeq: 4,
    changedPools: 1,
    changedHosts: 1,
    cause: { correlationId: "c4", causationId: "m4/0" },
  });
  happen(exited("hello-web-1"));
  await pusher.push("e1");
  expect(nginx.calls).toEqual([
    "table",
    "delta 0-4: g:forward p:hello/web r:hello.org",
    "delta 4-5: p:hello/web",
  ]);
  expect(nginx.table).toEqual(fold.table);
});

test("events of no concern need no call and still count as applied", async () => {
  const { nginx, pusher, happen } = setting();
  happen(helloRoute);
  await pusher.push("e1");
  happen({ type: "PodAdded", pod: "demo", description: "" });
  expect(await pusher.push("e1")).toBe("nothing");
  expect(pusher.appliedSeq).toBe(2);
  expect(nginx.calls).toHaveLength(2);
});

test("a touched pool that stays the same needs no call, and is reported as applied for those who wait", async () => {
  const { nginx, pusher, happen } = setting();
  happen(route("hello.org", "/ hello/web:1"), assigned("hello-web-1"), started("hello-web-1"));
  await pusher.push("e1");
  happen(healthy("hello-web-1"));
  expect(await pusher.push("e1")).toMatchObject({ appliedSeq: 4, changedPools: 0, changedHosts: 0 });
  expect(nginx.calls).toHaveLength(2);
});

test("another epoch needs a generation, and so does a table that differs at the same sequence", async () => {
  const { nginx, pusher, happen, fold } = setting();
  happen(helloRoute);
  await pusher.push("e2");
  expect(nginx.calls.at(-1)).toBe("generation 1: 3");
  nginx.table.set("r:stale.org", "{}");
  pusher.forget();
  await pusher.push("e2");
  expect(nginx.calls.at(-1)).toBe("generation 1: 3");
  expect(nginx.table).toEqual(fold.table);
});

test("many lines go as a generation", async () => {
  const { nginx, pusher, happen } = setting();
  happen(...Array.from({ length: 501 }, (_, index) => route(`h${index}.org`, "/ hello/web")));
  await pusher.push("e1");
  expect(nginx.calls.at(-1)).toBe("generation 501: 503");
});

test("a change by somebody else is looked at and put right", async () => {
  const { nginx, pusher, happen, fold } = setting();
  happen(helloRoute);
  await pusher.push("e1");
  nginx.seq = 77;
  nginx.table.delete("r:hello.org");
  happen(...up("hello-web-1"));
  await pusher.push("e1");
  expect(nginx.table).toEqual(fold.table);
  expect(nginx.calls.slice(-3)).toEqual(["delta 1-4: p:hello/web", "table", "generation 4: 3"]);
});

test("a refused line is left out, named once, and sent again when the log changes it", async () => {
  const { nginx, pusher, happen, rejections } = setting();
  nginx.refuses = ({ json }) => (json?.includes("/bad") ? "no bad paths" : undefined);
  happen(helloRoute, route("bad.org", "/bad hello/web"));
  expect(await pusher.push("e1")).toMatchObject({ appliedSeq: 2, changedHosts: 1 });
  happen(route("other.org", "/ hello/web"));
  await pusher.push("e1");
  expect(rejections.map(({ key, reason }) => [key, reason])).toEqual([["r:bad.org", "no bad paths"]]);
  expect([...nginx.table.keys()].sort()).toEqual(["g:forward", "p:hello/web", "r:hello.org", "r:other.org"]);
  happen(route("bad.org", "/good hello/web"));
  await pusher.push("e1");
  expect(nginx.table.get("r:bad.org")).toContain("/good");
  expect(pusher.rejections.size).toBe(0);
});

test("a refused change keeps the line as it was, also in a generation and in the table nginx is started with", async () => {
  const { nginx, pusher, happen } = setting();
  happen(helloRoute);
  await pusher.push("e1");
  const before = nginx.table.get("r:hello.org");
  nginx.refuses = ({ json }) => (json?.includes("/bad") ? "no bad paths" : undefined);
  happen(route("hello.org", "/bad hello/web"));
  await pusher.push("e1");
  expect(nginx.table.get("r:hello.org")).toBe(before);
  expect(pusher.startTable().get("r:hello.org")).toBe(before);
  await pusher.push("e2");
  expect(nginx.table.get("r:hello.org")).toBe(before);
});

test("a line nginx has and would not take again is let go instead of stopping everything", async () => {
  const { nginx, pusher, happen } = setting();
  happen(helloRoute, route("b.org", "/ hello/web"));
  await pusher.push("e1");
  nginx.refuses = ({ key }) => (key === "r:b.org" ? "a newer nginx" : undefined);
  expect(await pusher.push("e2")).toMatchObject({ appliedSeq: 2 });
  expect(nginx.table.has("r:b.org")).toBe(false);
});

test("without room new hosts are given up, then the change waits", async () => {
  const { nginx, pusher, happen, rejections } = setting();
  happen(helloRoute);
  await pusher.push("e1");
  nginx.next = ["memory"];
  happen(route("new.org", "/ hello/web"), ...up("hello-web-1"));
  expect(await pusher.push("e1")).toMatchObject({ changedPools: 1, changedHosts: 0 });
  expect(rejections[0]).toMatchObject({
    key: "r:new.org",
    reason: expect.stringContaining("ERU_ELB_TABLE_MIB"),
  });
  nginx.next = ["memory"];
  happen(exited("hello-web-1"));
  expect(await pusher.push("e1")).toBe("later");
  expect([pusher.full, pusher.appliedSeq]).toEqual([true, 5]);
  await pusher.push("e1");
  expect([pusher.full, pusher.appliedSeq]).toEqual([false, 6]);
});

test("a host that was given up for want of room comes in when something else goes", async () => {
  const { nginx, pusher, happen, fold } = setting();
  happen(helloRoute);
  await pusher.push("e1");
  nginx.next = ["memory"];
  happen(route("new.org", "/ hello/web"));
  await pusher.push("e1");
  expect([nginx.table.has("r:new.org"), pusher.waiting]).toEqual([false, false]);
  happen(routeRemoved("hello.org"));
  await pusher.push("e1");
  expect(pusher.waiting).toBe(true);
  await pusher.push("e1");
  expect(nginx.table).toEqual(fold.table);
});

test("what may receive requests follows the table in force, not the log", async () => {
  const { nginx, pusher, happen } = setting();
  happen(helloRoute, ...up("hello-web-1"));
  await pusher.push("e1");
  expect(pusher.mayReceive("hello-web-1")).toBe(true);
  happen(exited("hello-web-1"));
  nginx.next = ["lost"];
  await expect(pusher.push("e1")).rejects.toThrow(NginxUnreachableError);
  expect(pusher.mayReceive("hello-web-1")).toBe(true);
  await pusher.push("e1");
  expect(pusher.mayReceive("hello-web-1")).toBe(false);
});

test("whatever goes wrong on the way, nginx ends with the fold's table", async () => {
  const step = fc.constantFrom(
    "up",
    "down",
    "route",
    "unroute",
    "push",
    "writer",
    "memory",
    "lost",
    "lost after",
    "restart",
    "meddle",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { nginx, pusher, happen, fold } = setting();
      for (const one of steps) {
        if (one === "up") happen(...up("hello-web-1"));
        if (one === "down") happen(exited("hello-web-1"));
        if (one === "route") happen(helloRoute);
        if (one === "unroute") happen(routeRemoved("hello.org"));
        if (one === "restart") nginx.restart();
        if (one === "meddle") nginx.seq += 5;
        if (one === "writer" || one === "memory" || one === "lost" || one === "lost after")
          nginx.next = [one];
        if (one === "push") await pusher.push("e1").catch(() => "lost");
      }
      nginx.next = [];
      // Another start: what was given up for want of room is asked for again.
      nginx.restart();
      happen(helloRoute);
      pusher.forget();
      await pusher.push("e1");
      expect(nginx.table).toEqual(fold.table);
      expect(pusher.appliedSeq).toBe(fold.seq);
    }),
  );
});
