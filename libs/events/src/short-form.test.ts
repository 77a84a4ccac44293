import fc from "fast-check";
import { expect, test } from "vitest";
import { UnreadableEventError } from "./errors.ts";
import { decodeMessage, type EruEvent, encodeMessage, type NewEvent } from "./message.ts";
import { Entrypoint } from "./spec.ts";

const meta = { id: "01M", time: "2026-01-01T00:00:00.000Z", actor: "scheduler" };
const cause = { correlationId: "01C", causationId: "01M/0" };
const template = (release: string) => ({
  ...{ app: "shop", release, entrypointName: "web", image: `shop:${release}`, env: { A: "b" } },
  entrypoint: Entrypoint.parse({ publish: [8080] }),
});
const templates = [template("v1"), template("v2"), template("v1")];
const amounts = [
  { cpu: 1, memoryMib: 64 },
  { cpu: 0.5, memoryMib: 8 },
];

const orders = "eru.assignment.n1";
const decisions = "eru.decision.p";

type Assigned = Extract<EruEvent, { type: "WorkloadAssigned" }>;
const order = (workload: string, more: Partial<Assigned> = {}): Assigned => ({
  ...{ type: "WorkloadAssigned", node: "n1", pod: "p", workload, deployment: "shop-web-a", generation: 1 },
  ...{ template: templates[0] as (typeof templates)[0], resources: amounts[0] as (typeof amounts)[0] },
  ...more,
});

const reasons = {
  ...{ policy: "auto/1", inputSeq: 3, wanted: 4, resources: amounts[0] as (typeof amounts)[0] },
  ...{ nodesTotal: 2, candidatesTotal: 2, scores: [], rejectedTotals: {}, rejected: [], wouldHelp: [] },
};
type Decided = Extract<EruEvent, { type: "PlacementDecided" }>;
const decision = (placed: Decided["placed"]): Decided => ({
  ...{ type: "PlacementDecided", deployment: "shop-web-a", release: "v1", because: "deployed" },
  ...{ templateSeq: 1, placed, waiting: 0, reasons },
});

const entriesOf = (body: string) => (JSON.parse(body) as { events: { type: string }[] }).events;
const read = (subject: string, body: string) => decodeMessage({ subject, seq: 7, body });
const written = (subject: string, ...events: EruEvent[]) =>
  encodeMessage(subject, { meta, events: events.map((event) => ({ event, cause })) });

test("orders to a node that differ in the number alone are one entry, and are read as one event each", () => {
  const given = [3, 1, 40].map((n) => order(`shop-web-a-${n}`));
  const body = written(orders, ...given);
  expect(entriesOf(body)).toHaveLength(1);
  expect(read(orders, body)).toEqual(
    given.map((event, index) => ({ subject: orders, seq: 7, index, id: `01M/${index}`, meta, cause, event })),
  );
});

test("a template stands once in a message, whoever runs it", () => {
  const body = written(
    orders,
    order("shop-web-a-1"),
    order("shop-web-b-1", { deployment: "shop-web-b", template: template("v1") }),
    order("shop-web-c-1", { deployment: "shop-web-c", template: template("v2") }),
  );
  expect((JSON.parse(body) as { templates: unknown[] }).templates).toHaveLength(2);
  expect(body.split('"image":"shop:v1"')).toHaveLength(2);
});

test("one decision names its runs, and a later number or a part of the node is kept", () => {
  const runs = decision([
    { workload: "shop-web-a-9", node: "n1" },
    { workload: "shop-web-a-10", node: "n1" },
    { workload: "shop-web-a-11", node: "n2" },
  ]);
  const body = written(decisions, runs);
  expect(JSON.parse(body).events[0]).toMatchObject({
    type: "PlacementsDecided",
    payload: {
      runs: {
        from: 9,
        nodes: [
          ["n1", 2],
          ["n2", 1],
        ],
      },
    },
  });
  expect(read(decisions, body)[0]?.event).toEqual(runs);
  for (const long of [
    decision([]),
    decision([{ workload: "shop-web-a-1", node: "n1", granted: { ports: [80] } }]),
    decision([
      { workload: "shop-web-a-1", node: "n1" },
      { workload: "shop-web-a-3", node: "n1" },
    ]),
    decision([
      { workload: "shop-web-a-1", node: "n1", replaces: { workload: "shop-web-a-0", requestSeq: 2 } },
    ]),
  ]) {
    const plain = written(decisions, long);
    expect(entriesOf(plain)[0]?.type).toBe("PlacementDecided");
    expect(read(decisions, plain)[0]?.event).toEqual(long);
  }
});

test("orders as they were written before there was a short form are read as ever", () => {
  const { type, ...payload } = order("shop-web-a-1");
  const events = [{ type, v: 1, ...cause, payload }];
  expect(read(orders, JSON.stringify({ ...meta, events }))[0]?.event).toEqual(order("shop-web-a-1"));
});

test("orders of two decisions, or with two templates, are two entries", () => {
  const one = order("shop-web-a-1");
  const events = [
    { event: one, cause },
    { event: order("shop-web-a-2"), cause: { ...cause, causationId: "01M/1" } },
    { event: order("shop-web-a-3", { template: template("v2") }), cause: { ...cause, causationId: "01M/1" } },
  ];
  const body = encodeMessage(orders, { meta, events });
  expect(entriesOf(body)).toHaveLength(3);
  expect(read(orders, body).map(({ event, cause: why }) => ({ event, cause: why }))).toEqual(events);
});

const someOrder = fc
  .record({
    n: fc.integer({ min: 0, max: 3 }),
    deployment: fc.constantFrom("shop-web-a", "shop-web-b"),
    template: fc.constantFrom(...templates),
    resources: fc.constantFrom(...amounts),
    more: fc.constantFrom<Partial<Assigned>>(
      ...[
        {},
        {},
        {},
        {},
        {},
        {},
        { generation: 2 },
        { granted: { ports: [80] } },
        { keep: "running" as const },
      ],
    ),
    named: fc.constantFrom("", "", "", "", "x", "0"),
    causationId: fc.constantFrom("01M/0", "01M/1"),
  })
  .map(
    ({ n, deployment, named, causationId, more, ...rest }): NewEvent => ({
      event: order(`${deployment}-${named}${n}`, { deployment, ...rest, ...more }),
      cause: { ...cause, causationId },
    }),
  );

test("whatever orders are written together, the same events are read, in order, with their causes", () => {
  fc.assert(
    fc.property(fc.array(someOrder, { minLength: 1, maxLength: 12 }), (events) => {
      const back = read(orders, encodeMessage(orders, { meta, events }));
      expect(back.map(({ event, cause: why }) => ({ event, cause: why }))).toEqual(events);
      expect(back.map(({ index }) => index)).toEqual(events.map((_, index) => index));
    }),
    { numRuns: 300 },
  );
});

test("what was written once cannot be changed and written again", () => {
  const shared = template("v1");
  written(orders, order("shop-web-a-1", { template: shared }));
  expect(() => Object.assign(shared.env, { A: "other" })).toThrow(TypeError);
});

test.each([
  ["a template that is not in the message", { template: 1 }],
  ["no number", { numbers: [] }],
  ["a number that is none", { numbers: [0] }],
  ["resources that are none", { resources: { cpu: -1, memoryMib: 1 } }],
  ["an unknown member", { colour: "red" }],
])("an entry of orders with %s is unreadable", (_what, change) => {
  const body = JSON.parse(written(orders, order("shop-web-a-1")));
  Object.assign(body.events[0].payload, change);
  expect(() => read(orders, JSON.stringify(body))).toThrow(UnreadableEventError);
});

test("an order or a decision in short form that is no good is never written", () => {
  expect(() => written(orders, order("shop-web-a-1", { node: "N 1" }))).toThrow();
  expect(() => written(orders, order("shop-web-a-1", { resources: { cpu: -1, memoryMib: 1 } }))).toThrow();
  expect(() => written(decisions, decision([{ workload: "shop-web-a-1", node: "N 1" }]))).toThrow();
});

test("an entry in short form of another history, or of a version from the future, is unreadable", () => {
  const body = written(orders, order("shop-web-a-1"));
  expect(() => read(decisions, body)).toThrow(UnreadableEventError);
  expect(() => read(orders, body.replace('"v":1', '"v":2'))).toThrow(/deploy it first/);
});
