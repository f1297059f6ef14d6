/** The file of the run store: tables, and how several processes use it at once. */
import { Database } from "bun:sqlite"
import { mkdirSync } from "node:fs"
import { dirname } from "node:path"
import { DataError } from "@winnow/core"
import { Effect, Schedule } from "effect"

/** The form of the tables. An index of another form is made anew: all that it loses is how earlier attempts ended. */
const form = 1

const tables = [
  // What the run.json files say, by folder.
  `CREATE TABLE runs (
     directory TEXT PRIMARY KEY, hash TEXT NOT NULL, summary TEXT NOT NULL
   ) STRICT`,
  // Each time that a run was begun. Of a process that was killed, state stays 'running': whether it lives is asked of the system.
  `CREATE TABLE attempts (
     id INTEGER PRIMARY KEY AUTOINCREMENT, directory TEXT NOT NULL, beginning TEXT NOT NULL, process TEXT NOT NULL,
     began TEXT NOT NULL, ended TEXT, state TEXT NOT NULL, message TEXT
   ) STRICT`,
  "CREATE INDEX attempts_of ON attempts (directory)",
]

/** How long a process waits for another's write; each takes milliseconds. */
const patience = 10_000

const prepare = (database: Database): void => {
  database.run(`PRAGMA busy_timeout = ${patience}`)
  const version = () => (database.query("PRAGMA user_version").get() as { user_version: number }).user_version
  if (version() === form) return
  // Readers then never wait for a writer, nor it for them. Stays with the file.
  database.run("PRAGMA journal_mode = WAL")
  database
    .transaction(() => {
      if (version() === form) return // another process was quicker
      for (const name of ["runs", "attempts"]) database.run(`DROP TABLE IF EXISTS ${name}`)
      for (const table of tables) database.run(table)
      database.run(`PRAGMA user_version = ${form}`)
    })
    .immediate()
}

const isBusy = (error: unknown): boolean => String((error as { code?: string }).code).startsWith("SQLITE_BUSY")

class Busy {
  readonly _tag = "Busy"
  constructor(readonly error: unknown) {}
}

/**
 * Does something with the database of a file, in one transaction: all of it or nothing, whoever else writes.
 *
 * @error DataError for a file that cannot be opened or written, or is no database
 */
export const inDatabase = <A>(file: string, use: (database: Database) => A): Effect.Effect<A, DataError> => {
  const fail = (error: unknown) =>
    new DataError({
      message:
        `the index of runs ${file} cannot be used: ${(error as Error).message}; ` +
        "is the disk full or the folder read-only? If the file is damaged, delete it: it is made anew from the results",
    })
  return Effect.try({
    try: () => {
      mkdirSync(dirname(file), { recursive: true })
      const database = new Database(file, { create: true })
      try {
        prepare(database)
        return database.transaction(() => use(database)).immediate()
      } finally {
        database.close()
      }
    },
    catch: (error) => (isBusy(error) ? new Busy(error) : fail(error)),
  }).pipe(
    // The change to WAL, and the recovery after a crash, are refused at once, without the wait of busy_timeout.
    Effect.retry({ while: (error) => error._tag === "Busy", times: 50, schedule: Schedule.spaced(100) }),
    Effect.mapError((error) => (error._tag === "Busy" ? fail(error.error) : error)),
  )
}
