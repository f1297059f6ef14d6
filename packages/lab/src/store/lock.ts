/**
 * A lock between processes, one file a key, that the operating system frees when its holder dies.
 *
 * SQLite's exclusive transaction is used for its file lock alone: nothing is ever written to the database. So there is
 * no stale lock to detect: a killed process holds nothing.
 */
import { Database } from "bun:sqlite"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { DataError } from "@winnow/core"
import { Effect } from "effect"

/** Who holds a lock: for messages only, the lock itself is the operating system's. */
const holderOf = (file: string): string => {
  try {
    return `process ${readFileSync(`${file}.holder`, "utf8").trim()}`
  } catch {
    return "another process"
  }
}

const tryLock = (file: string): Database | undefined => {
  mkdirSync(dirname(file), { recursive: true })
  const database = new Database(file, { create: true })
  try {
    database.run("PRAGMA busy_timeout = 0")
    database.run("BEGIN EXCLUSIVE")
    writeFileSync(`${file}.holder`, String(process.pid))
    return database
  } catch (error) {
    database.close()
    if ((error as { code?: string }).code?.startsWith("SQLITE_BUSY")) return undefined
    throw error
  }
}

/**
 * Runs `use` while holding the lock of `file`; waits while another process holds it.
 *
 * @param onWait called once, with who holds it, before waiting
 * @error DataError when the lock file cannot be made
 */
export const withLock = <A, E, R>(
  file: string,
  onWait: (holder: string) => void,
  use: Effect.Effect<A, E, R>,
): Effect.Effect<A, E | DataError, R> =>
  Effect.gen(function* () {
    const attempt = Effect.try({
      try: () => tryLock(file),
      catch: (error) =>
        new DataError({
          message: `${file}: no lock can be made here (${String(error)}); the folder must be writable`,
          cause: error,
        }),
    })
    for (let waited = 0; ; waited++) {
      const done = yield* Effect.acquireUseRelease(
        attempt,
        (held) => (held ? Effect.map(use, (value) => ({ value })) : Effect.succeed(undefined)),
        (held) => Effect.sync(() => held?.close()),
      )
      if (done) return done.value
      if (waited === 0) onWait(holderOf(file))
      yield* Effect.sleep(200)
    }
  })
