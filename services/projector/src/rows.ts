import type { Database } from "better-sqlite3";

/**
 * A table whose rows are folded event by event: its columns as SQL, the key first. The first `fixed` columns never change
 * once the row is there, so that indexes over them are left alone.
 */
export type FoldedTable = {
  readonly name: string;
  readonly fixed: number;
  readonly columns: readonly string[];
};

/** The statement that creates the table. */
export const createTable = ({ name, columns }: FoldedTable): string =>
  `create table ${name} (${columns.join(", ")}) strict, without rowid;`;

/** Rows kept in memory at most; beyond it all are forgotten and read again when needed. */
const rowsMax = 20_000;

/**
 * The rows of one table as events change them. A row that many events of a page touch is read once and written once,
 * when the page ends: that is most of the work of a replay. Nobody else writes the file, so what is kept stays right;
 * queries that look into the table must flush before.
 */
export class Rows<R extends object> {
  readonly #rows = new Map<string, R>();
  readonly #changed = new Set<string>();
  readonly #get: (key: string) => R | undefined;
  readonly #put: (row: R) => unknown;

  constructor(db: Database, { name, columns, fixed }: FoldedTable) {
    const names = columns.map((column) => column.split(" ", 1)[0] ?? "");
    const get = db.prepare<[string], R>(`select * from ${name} where ${names[0]} = ?`);
    const put = db.prepare<unknown[]>(`
      insert into ${name} values (${names.map(() => "?").join(", ")})
      on conflict (${names[0]}) do update set ${names
        .slice(fixed)
        .map((column) => `${column} = excluded.${column}`)
        .join(", ")}`);
    this.#get = (key) => get.get(key);
    this.#put = (row) => put.run(...names.map((column) => row[column as keyof R]));
  }

  get(key: string): R | undefined {
    const known = this.#rows.get(key);
    if (known) return known;
    const row = this.#get(key);
    if (row) this.#rows.set(key, row);
    return row;
  }

  set(key: string, row: R): void {
    this.#rows.set(key, row);
    this.#changed.add(key);
  }

  /** Writes what changed. */
  flush(): void {
    for (const key of this.#changed) {
      const row = this.#rows.get(key);
      if (row) this.#put(row);
    }
    this.#changed.clear();
    if (this.#rows.size > rowsMax) this.#rows.clear();
  }

  /** Forgets everything: the transaction was rolled back. */
  forget(): void {
    this.#rows.clear();
    this.#changed.clear();
  }
}

/** Numbers of what events are about, given in the order of first mention, so that every rebuild gives the same. */
export class ObjectIds {
  readonly #ids = new Map<string, number>();
  readonly #find: (object: string) => number | undefined;
  readonly #add: (object: string) => number;

  constructor(db: Database) {
    const find = db.prepare<[string], number>("select id from objects where object = ?").pluck();
    const add = db.prepare<[string]>("insert into objects (object) values (?)");
    this.#find = (object) => find.get(object);
    this.#add = (object) => Number(add.run(object).lastInsertRowid);
  }

  of(object: string): number {
    const known = this.#ids.get(object);
    if (known !== undefined) return known;
    const id = this.#find(object) ?? this.#add(object);
    this.#ids.set(object, id);
    return id;
  }

  flush(): void {
    if (this.#ids.size > rowsMax) this.#ids.clear();
  }

  /** Forgets everything: the transaction was rolled back. */
  forget(): void {
    this.#ids.clear();
  }
}
