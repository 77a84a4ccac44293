import { Option } from "commander";
import type { Api } from "../api.ts";
import type { Cli } from "../cli.ts";
import { type FeedItem, followFeed } from "../feed.ts";
import { parseWhole } from "../quantities.ts";
import { eventLine, eventTable } from "../render/event.ts";
import { LogEvent, Zone } from "../views.ts";
import { seqMax } from "./options.ts";

/** Events shown when neither a beginning nor a number is given. */
const lastShown = 50;

type Filter = { subject?: string; kind?: string; type?: string; object?: string; actor?: string };
type EventsOptions = Filter & { follow?: true; from?: number; limit?: number };

const kinds = ["app", "pod", "node", "deployment", "decision", "assignment", "fact", "route", "elb", "user"];

/** `eru events`. */
export function addEvents(cli: Cli): void {
  cli.program
    .command("events")
    .description("what happened: the log, oldest first")
    .option("--follow", "go on with what comes, until Ctrl-C")
    .option(
      "--from <seq>",
      `begin at this sequence (default: the last ${lastShown} events)`,
      parseWhole(1, seqMax),
    )
    .option("--limit <n>", "most events to show", parseWhole(1, 1_000_000))
    .option(
      "--object <kind:name>",
      "only about this, as workload:hello-web-abc123-1, node:n1, route:www.example.org",
    )
    .option("--type <type>", "only of this type, as ContainerFailed")
    .addOption(new Option("--kind <kind>", "only of this kind of history").choices(kinds))
    .option("--subject <subject>", "only of this history, as eru.fact.n1")
    .option("--actor <actor>", "only by this one, as user:admin, scheduler, agent:n1")
    .action(({ follow: following, ...options }: EventsOptions) =>
      cli.withApi((api) => (following ? follow(cli, api, options) : list(cli, api, options))),
    );
}

async function list(cli: Cli, api: Api, { from, limit, ...filter }: EventsOptions): Promise<void> {
  const events =
    from === undefined
      ? (
          await api.list("/v1/events", LogEvent, { ...filter, order: "desc" }, limit ?? lastShown)
        ).toReversed()
      : await api.list("/v1/events", LogEvent, { ...filter, order: "asc", fromSeq: from }, limit);
  cli.answer(events, () =>
    events.length === 0 ? "there are no such events\n" : eventTable(events, cli.look),
  );
}

async function follow(cli: Cli, api: Api, { from, limit, ...filter }: EventsOptions): Promise<void> {
  const start = from ?? (await api.query("/v1/status", Zone)).seq + 1;
  const enough = new AbortController();
  const signal = AbortSignal.any([cli.io.signal, enough.signal]);
  let left = limit ?? Number.POSITIVE_INFINITY;
  for await (const item of followFeed(api.context, { topics: topicsOf(filter), from: start, signal })) {
    if (item.type !== "event") sayState(cli, item);
    else if (left > 0 && matches(filter, item.event)) {
      cli.io.out(cli.options.json ? `${JSON.stringify(item.event)}\n` : eventLine(item.event, cli.look));
      if (--left === 0) enough.abort();
    }
  }
}

function sayState(cli: Cli, item: Exclude<FeedItem, { type: "event" }>): void {
  if (item.type === "lost") cli.io.err(`eru: ${item.why}; connecting again, nothing will be missed\n`);
  if (item.type === "back") cli.io.err("eru: connected again\n");
}

/** The narrowest topic of the feed that has all events wanted; the rest of the filter is ours. */
function topicsOf({ object, kind, subject }: Filter): string[] {
  const ofSubject = subject?.split(".")[1];
  if (object !== undefined) return [object];
  if (kind !== undefined) return [`kind:${kind}`];
  return ofSubject !== undefined && kinds.includes(ofSubject) ? [`kind:${ofSubject}`] : ["events"];
}

const matches = ({ subject, kind, type, object, actor }: Filter, event: LogEvent): boolean =>
  (subject === undefined || event.subject === subject) &&
  (kind === undefined || event.subject.split(".")[1] === kind) &&
  (type === undefined || event.type === type) &&
  (object === undefined || event.objects.includes(object)) &&
  (actor === undefined || event.actor === actor);
