/** The lock of a key between processes: one file, removed at release; it works on network disks too. */
import { mkdirSync } from "node:fs"
import { dirname } from "node:path"
import { DataError } from "@winnow/core"
import { fileErrorOf, type HeldLock, type LockTimes, type Owner, tryLock } from "@winnow/files"
import { Effect } from "effect"

/**
 * A stage may compute for minutes without a pause, so a lock of another host is taken over only after ten minutes
 * without a sign.
 */
const times: LockTimes = { poll: 200, heartbeat: 2000, staleAfter: 600_000 }

const nameOf = (holder: Owner | undefined): string =>
  holder === undefined ? "another process" : `process ${holder.pid} on ${holder.host}`

/**
 * Runs `use` with the lock of `file`; waits while another process holds it.
 *
 * @param onWait called once before waiting, with the holder
 * @error DataError if the lock file cannot be written
 */
export const withLock = <A, E, R>(
  file: string,
  onWait: (holder: string) => void,
  use: Effect.Effect<A, E, R>,
): Effect.Effect<A, E | DataError, R> =>
  Effect.gen(function* () {
    const attempt = Effect.tryPromise({
      try: () => {
        mkdirSync(dirname(file), { recursive: true })
        return tryLock(file, times)
      },
      catch: (error) =>
        new DataError({ message: fileErrorOf(error, file)?.message ?? `${file}: ${String(error)}`, cause: error }),
    })
    const isHeld = (lock: HeldLock | { readonly heldBy: Owner | undefined }): lock is HeldLock => "release" in lock
    for (let waited = 0; ; waited++) {
      let holder: Owner | undefined
      const done = yield* Effect.acquireUseRelease(
        attempt,
        (lock) => {
          if (isHeld(lock)) return Effect.map(use, (value) => ({ value }))
          holder = lock.heldBy
          return Effect.succeed(undefined)
        },
        (lock) => (isHeld(lock) ? Effect.promise(lock.release) : Effect.void),
      )
      if (done) return done.value
      if (waited === 0) onWait(nameOf(holder))
      yield* Effect.sleep(times.poll)
    }
  })
