import { closeSync, existsSync, openSync } from "node:fs";
import { decodeMessage, type RecordedEvent, UnreadableEventError } from "@eru/events";
import type { StoredMessage } from "@eru/log";
import Database from "better-sqlite3";
import {
  type Compilable,
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { BrokenViewError, LogGapError, ProjectionError } from "./errors.ts";
import { type Apply, keptIn, openStore } from "./projection.ts";
import { foldedTables, projections, viewShape, viewTables, viewVersion } from "./projections/index.ts";
import type { CheckpointRow, Tables } from "./tables.ts";

/**
 * Builds queries with types and runs none. better-sqlite3 is synchronous, so a query that is compiled here and run there
 * sees one state of the view however many statements it takes; through Kysely's own driver a page could be committed in
 * between.
 */
export const kysely = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

/** How far a view is: the last message in it, of which log, and how many events that makes. */
export type Position = Omit<CheckpointRow, "id">;
const beginning: Position = { epoch: "", seq: 0, messageId: "", events: 0 };

/** What a file holds: a view of today's version, of an older one with the same tables, or nothing to read from. */
export type Opened =
  | { is: "current"; view: View }
  | { is: "outdated"; view: View }
  | { is: "unusable"; why: string };

/** The read side in one SQLite file: all tables, and the checkpoint they stand at. */
export class View {
  readonly path: string;
  readonly #db: Database.Database;
  readonly #apply: readonly { name: string; apply: Apply }[];
  readonly #kept: ReturnType<typeof keptIn>;
  readonly #statements = new Map<string, Database.Statement<unknown[]>>();
  readonly #checkpoint: Database.Statement<[Position]>;
  #position: Position;

  private constructor(path: string, db: Database.Database) {
    this.path = path;
    this.#db = db;
    const store = openStore(db, foldedTables);
    this.#kept = keptIn(store);
    this.#apply = projections.map(({ name, prepare }) => ({ name, apply: prepare(store) }));
    this.#checkpoint = db.prepare(
      "insert or replace into checkpoint values (1, @epoch, @seq, @messageId, @events)",
    );
    this.#position =
      db.prepare<[], Position>("select epoch, seq, messageId, events from checkpoint").get() ?? beginning;
  }

  /** A new, empty view. The file is its owner's alone, because it holds the hashes of tokens. */
  static create(path: string): View {
    closeSync(openSync(path, "ax", 0o600));
    const db = connect(path);
    db.transaction(() => {
      db.exec(`
        create table view (version integer not null, shape text not null) strict;
        create table checkpoint (
          id integer primary key check (id = 1),
          epoch text not null,
          seq integer not null,
          messageId text not null,
          events integer not null
        ) strict;
        ${viewTables}`);
      db.prepare("insert into view values (?, ?)").run(viewVersion, viewShape);
    })();
    return new View(path, db);
  }

  /** The view in a file. A file that is not there, damaged, or of other tables is unusable. */
  static open(path: string): Opened {
    if (!existsSync(path)) return { is: "unusable", why: "there is no file" };
    let db: Database.Database | undefined;
    try {
      db = connect(path);
      const damage = db.pragma("quick_check(1)", { simple: true });
      const made = db
        .prepare<[], { version: number; shape: string }>("select version, shape from view")
        .get();
      if (damage === "ok" && made?.shape === viewShape)
        return { is: made.version === viewVersion ? "current" : "outdated", view: new View(path, db) };
      db.close();
      return {
        is: "unusable",
        why: damage === "ok" ? "its tables are of another version" : String(damage),
      };
    } catch (error) {
      if (!(error instanceof Database.SqliteError)) throw error;
      db?.close();
      return { is: "unusable", why: error.message };
    }
  }

  /** How far the view is. */
  get position(): Position {
    return this.#position;
  }

  /** The sequence the view is at. */
  get seq(): number {
    return this.#position.seq;
  }

  /**
   * Takes in messages of the log that the epoch names: rows and checkpoint in one transaction, so a crash neither skips nor repeats an event. Messages at
   * or below the checkpoint are skipped. At a message that cannot be taken in, everything before it is kept.
   * @throws UnreadableEventError, ProjectionError, LogGapError: the view ends right before that message
   * @throws BrokenViewError the file cannot be trusted any more
   * @throws SqliteError no room, no access: nothing was taken in
   */
  apply(messages: readonly StoredMessage[], epoch: string): void {
    try {
      this.#commit(messages, epoch);
    } catch (error) {
      const stuckAt = stuckSeq(error);
      if (stuckAt === undefined) throw error;
      this.#commit(
        messages.filter(({ seq }) => seq < stuckAt),
        epoch,
      );
      throw error;
    }
  }

  /**
   * All rows of a query, from the state as it is now.
   * @throws BrokenViewError the file cannot be trusted any more
   */
  all<O>(query: Compilable<O>): O[] {
    const { sql: text, parameters } = query.compile();
    try {
      return this.#prepared(text).all(...parameters) as O[];
    } catch (error) {
      throw brokenOr(error, this.path);
    }
  }

  /** The first row of a query. */
  first<O>(query: Compilable<O>): O | undefined {
    return this.all(query)[0];
  }

  /** Puts everything into the file itself and closes it; without side files it can be moved. */
  close(): void {
    try {
      const [left] = this.#db.pragma("wal_checkpoint(TRUNCATE)") as { busy: number; log: number }[];
      if (left?.busy !== 0) throw new BrokenViewError(`${this.path} is in use by another program`);
    } finally {
      this.#db.close();
    }
  }

  /** Closes a file whose content does not matter any more. */
  abandon(): void {
    this.#db.close();
  }

  #commit(messages: readonly StoredMessage[], epoch: string): void {
    try {
      this.#position = this.#db.transaction(() => this.#takeIn(messages, epoch)).immediate();
    } catch (error) {
      for (const kept of this.#kept) kept.forget();
      throw brokenOr(error, this.path);
    }
  }

  #takeIn(messages: readonly StoredMessage[], epoch: string): Position {
    let at = this.#position;
    for (const message of messages) {
      if (message.seq <= at.seq) continue;
      if (message.seq !== at.seq + 1) throw new LogGapError(at.seq, message.seq);
      const events = decodeMessage(message);
      for (const event of events) this.#project(event);
      const { seq, messageId } = message;
      at = { epoch, seq, messageId, events: at.events + events.length };
    }
    if (at === this.#position) return at;
    for (const kept of this.#kept) kept.flush();
    this.#checkpoint.run(at);
    return at;
  }

  #project(event: RecordedEvent): void {
    for (const { name, apply } of this.#apply)
      try {
        apply(event);
      } catch (error) {
        if (error instanceof Database.SqliteError && isOutside(error)) throw error;
        throw new ProjectionError(name, event.subject, event.seq, { cause: error });
      }
  }

  #prepared(text: string): Database.Statement<unknown[]> {
    const known = this.#statements.get(text);
    if (known) return known;
    const statement = this.#db.prepare<unknown[]>(text);
    // The texts are as many as there are combinations of parameters; a limit in case someone makes it many.
    if (this.#statements.size >= statementsMax) this.#statements.clear();
    this.#statements.set(text, statement);
    return statement;
  }
}

type SqliteError = InstanceType<typeof Database.SqliteError>;

/** Prepared queries kept at a time. */
const statementsMax = 500;
/** Memory for pages of the file, in KiB. */
const cacheKib = 65_536;
/** Pages of 4 KiB in the write-ahead log before they go into the file: a flush each time, so not after every few commits. */
const walPages = 16_000;
/** Milliseconds to wait for another connection's lock: only a person with a SQLite shell has one. */
const busyTimeoutMs = 5_000;

function connect(path: string): Database.Database {
  const db = new Database(path, { timeout: busyTimeoutMs });
  try {
    db.pragma("journal_mode = WAL");
    // NORMAL never damages a WAL database. A power cut may take back the last transactions, but rows and checkpoint
    // together, and what they held is read from the log again: FULL would pay a flush per page for nothing.
    db.pragma("synchronous = NORMAL");
    db.pragma(`cache_size = -${cacheKib}`);
    db.pragma(`wal_autocheckpoint = ${walPages}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

const stuckSeq = (error: unknown): number | undefined =>
  error instanceof UnreadableEventError || error instanceof ProjectionError || error instanceof LogGapError
    ? error.seq
    : undefined;

/** The machine's fault, not the event's: no room, no access, a lock, damage. */
const isOutside = (error: SqliteError): boolean =>
  /^SQLITE_(FULL|IOERR|BUSY|LOCKED|CANTOPEN|READONLY|NOMEM|CORRUPT|NOTADB)/.test(error.code);

/** Damage has a name of its own, because it has an answer of its own: build again. */
const brokenOr = (error: unknown, path: string): unknown =>
  error instanceof Database.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code)
    ? new BrokenViewError(`${path} is damaged`, { cause: error })
    : error;
