import type { RecordedEvent } from "@eru/events";
import type { Database } from "better-sqlite3";
import type { Apply, Projection } from "../projection.ts";
import type { Liveness, NodeFactsRow, NodeRow } from "../tables.ts";

/**
 * Nodes as users declared them, and apart from that what agents and the scheduler said about them, because an agent may
 * speak before its node was added. Alive is who the scheduler says is: an agent's report may be an old one.
 */
export const nodes: Projection = {
  name: "nodes",
  tables: `
    create table nodes (
      node text primary key,
      pod text not null,
      labels text not null,
      cordoned integer not null,
      cordonReason text,
      drainReason text,
      drainDeadlineMs integer,
      drainPaused text,
      drainSeq integer,
      drainAt text,
      given text,
      addedSeq integer not null,
      addedAt text not null
    ) strict, without rowid;
    create index nodesByPod on nodes (pod, node);
    create table nodeFacts (
      node text primary key,
      liveness text not null,
      livenessSeq integer not null,
      livenessAt text not null,
      observed text,
      engine text,
      engineReachable integer not null,
      engineError text,
      agentVersion text
    ) strict, without rowid;
  `,
  prepare: ({ db }) => {
    const declared = prepareDeclared(db);
    const seen = prepareSeen(db);
    return (recorded) => {
      declared(recorded);
      seen(recorded);
    };
  },
};

type DrainColumns = "drainReason" | "drainDeadlineMs" | "drainPaused" | "drainSeq" | "drainAt";

function prepareDeclared(db: Database): Apply {
  const add = db.prepare<Omit<NodeRow, DrainColumns>>(`
    insert or replace into nodes values
      (@node, @pod, @labels, @cordoned, @cordonReason, null, null, null, null, null, @given, @addedSeq, @addedAt)`);
  const resources = db.prepare<[string, string]>("update nodes set given = ? where node = ?");
  const label = db.prepare<[string, string]>("update nodes set labels = ? where node = ?");
  const cordon = db.prepare<[number, string | null, string]>(
    "update nodes set cordoned = ?, cordonReason = ? where node = ?",
  );
  const drain = db.prepare<[string | null, number | null, number | null, string | null, string]>(
    "update nodes set drainReason = ?, drainDeadlineMs = ?, drainPaused = null, drainSeq = ?, drainAt = ? where node = ?",
  );
  const pause = db.prepare<["user" | "deadline" | null, string]>(
    "update nodes set drainPaused = ? where node = ? and drainSeq is not null",
  );
  const remove = db.prepare<[string]>("delete from nodes where node = ?");
  return ({ event, seq, meta }: RecordedEvent) => {
    switch (event.type) {
      case "NodeAdded":
        add.run({
          node: event.node,
          pod: event.pod,
          labels: JSON.stringify(event.labels),
          cordoned: 0,
          cordonReason: null,
          given: event.resources ? JSON.stringify(event.resources) : null,
          addedSeq: seq,
          addedAt: meta.time,
        });
        break;
      case "NodeResourcesSet":
        resources.run(JSON.stringify(event.resources), event.node);
        break;
      case "NodeLabelled":
        label.run(JSON.stringify(event.labels), event.node);
        break;
      case "NodeCordoned":
        cordon.run(1, event.reason, event.node);
        break;
      case "NodeUncordoned":
        cordon.run(0, null, event.node);
        break;
      case "DrainRequested":
        drain.run(event.reason, event.deadlineMs ?? null, seq, meta.time, event.node);
        break;
      case "DrainPaused":
        pause.run("user", event.node);
        break;
      case "DrainResumed":
        pause.run(null, event.node);
        break;
      case "DrainOverdue":
        pause.run("deadline", event.node);
        break;
      case "DrainCancelled":
        drain.run(null, null, null, null, event.node);
        break;
      case "NodeRemoved":
        remove.run(event.node);
        break;
      default: // Not about a declared node.
    }
  };
}

function prepareSeen(db: Database): Apply {
  const observe = db.prepare<Omit<NodeFactsRow, "engineError" | "engineReachable" | "liveness">>(`
    insert into nodeFacts values
      (@node, 'unknown', @livenessSeq, @livenessAt, @observed, @engine, 1, null, @agentVersion)
    on conflict (node) do update set
      observed = excluded.observed, engine = excluded.engine,
      engineReachable = 1, engineError = null, agentVersion = excluded.agentVersion`);
  const engine = db.prepare<[number, string | null, string]>(
    "update nodeFacts set engineReachable = ?, engineError = ? where node = ?",
  );
  const live = db.prepare<[string, Liveness, number, string]>(`
    insert into nodeFacts values (?, ?, ?, ?, null, null, 1, null, null)
    on conflict (node) do update set
      liveness = excluded.liveness, livenessSeq = excluded.livenessSeq, livenessAt = excluded.livenessAt`);
  return ({ event, seq, meta }: RecordedEvent) => {
    switch (event.type) {
      case "NodeObserved":
        observe.run({
          node: event.node,
          livenessSeq: seq,
          livenessAt: meta.time,
          observed: JSON.stringify(event.resources),
          engine: event.engine,
          agentVersion: event.agentVersion,
        });
        break;
      case "EngineUnreachable":
        engine.run(0, event.error, event.node);
        break;
      case "EngineBack":
        engine.run(1, null, event.node);
        break;
      case "NodeSuspected":
        live.run(event.node, "suspected", seq, meta.time);
        break;
      case "NodeLost":
        live.run(event.node, "lost", seq, meta.time);
        break;
      case "NodeRecovered":
        live.run(event.node, "alive", seq, meta.time);
        break;
      case "NodeAdded":
        live.run(event.node, "unknown", seq, meta.time); // Whatever was said of one of this name before.
        break;
      default: // Not about a node as it is.
    }
  };
}
