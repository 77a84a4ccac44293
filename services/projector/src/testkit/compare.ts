import Database from "better-sqlite3";

/** All rows of all tables of a view's file, by table, each in the order of all its columns. */
export function dump(path: string): Record<string, unknown[]> {
  const db = new Database(path, { readonly: true });
  try {
    const names = db
      .prepare<[], string>("select name from sqlite_schema where type = 'table' order by name")
      .pluck()
      .all();
    return Object.fromEntries(
      names.map((name) => {
        const columns = db.prepare(`select * from "${name}"`).columns().length;
        const order = Array.from({ length: columns }, (_, n) => n + 1).join(", ");
        return [name, db.prepare(`select * from "${name}" order by ${order}`).raw().all()];
      }),
    );
  } finally {
    db.close();
  }
}
