/** Turns at the highest priority: on a shared machine a side then computes as if it were alone. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { constants, setPriority } from "node:os"
import { UsageError } from "../options.ts"

/**
 * Gives the session of a process a priority, where the scheduler groups programs by session: priorities of threads
 * count within a session. Processes outside of all sessions (the first of a machine or container) have no group: the
 * file reads empty, writing to it is EINVAL, and the priorities of their threads count by themselves.
 *
 * @error the system's, where it forbids this
 */
export const setSessionPriority = (pid: number, priority: number): void => {
  const session = `/proc/${pid}/autogroup`
  if (existsSync(session) && readFileSync(session, "utf8") !== "") writeFileSync(session, String(priority))
}

/**
 * Gives a process and all its threads a priority; threads started later have it too.
 *
 * @error the system's, where it forbids this
 */
const setAll = (pid: number, priority: number): void => {
  if (process.platform !== "linux") {
    setPriority(pid, priority)
    return
  }
  setSessionPriority(pid, priority)
  // On Linux priorities belong to threads; a process has that of its main thread.
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      setPriority(Number(thread), priority)
    } catch (error) {
      if ((error as { code?: string }).code !== "ESRCH") throw error // the thread has ended
    }
  }
}

const { PRIORITY_HIGHEST, PRIORITY_NORMAL } = constants.priority

/** Runs `work` while processes have the highest priority; before and after they have the usual one. */
export const atHighestPriority = async <A>(pids: ReadonlyArray<number>, work: () => Promise<A>): Promise<A> => {
  for (const pid of pids) setAll(pid, PRIORITY_HIGHEST)
  try {
    return await work()
  } finally {
    for (const pid of pids) setAll(pid, PRIORITY_NORMAL)
  }
}

/** Checks that the system allows priorities. @error UsageError, one line, where it does not */
export const checkPriority = (): void => {
  try {
    setAll(process.pid, PRIORITY_HIGHEST)
    setAll(process.pid, PRIORITY_NORMAL)
  } catch (cause) {
    throw new UsageError(
      `--priority: the system does not allow it (${(cause as Error).message}); run as root, or leave it out`,
    )
  }
}
