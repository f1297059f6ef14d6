/**
 * A lock file between processes, on one machine or on a shared disk.
 *
 * The file names its owner, who touches it every two seconds. It is stale when the owner's process is gone (at once,
 * even after a kill), when the owner is an earlier attempt of the same job of a cluster, or when it was not touched for a
 * minute (an owner on another machine, or a stopped one). A process that finds it stale takes it over. A process that stops and continues can bring about two owners. The lock only saves
 * double work: the work under it must appear by one rename, so that two owners do no harm.
 */
import { link, open, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises"
import { isAlive, isEarlierAttempt, type Owner, parseOwner, thisOwner } from "./owner.ts"

/** Times in milliseconds. */
export interface LockTimes {
  readonly poll: number
  readonly heartbeat: number
  readonly staleAfter: number
}

const usual: LockTimes = { poll: 300, heartbeat: 2000, staleAfter: 60_000 }

/** A lock of this process, which touches its file until the release. */
export interface HeldLock {
  readonly owner: Owner
  readonly release: () => Promise<void>
}

/** Tries once: returns the lock, or its owner (undefined if the file names no owner). */
export const tryLock = async (
  path: string,
  times: LockTimes = usual,
): Promise<HeldLock | { readonly heldBy: Owner | undefined }> => {
  const owner = thisOwner()
  while (!(await take(path, owner))) {
    const seen = await readIfThere(path)
    if (seen === undefined) continue
    const holder = parseOwner(seen.text)
    const over = holder !== undefined && isEarlierAttempt(holder, owner)
    const alive = holder === undefined ? undefined : !over && isAlive(holder)
    if (alive !== false && Date.now() - seen.modified <= times.staleAfter) return { heldBy: holder }
    await takeAway(path, seen.text, owner)
  }
  const heart = setInterval(() => {
    const now = new Date()
    void utimes(path, now, now).catch(() => {})
  }, times.heartbeat)
  heart.unref()
  const release = async () => {
    clearInterval(heart)
    const seen = await readIfThere(path)
    if (seen !== undefined && parseOwner(seen.text)?.token === owner.token) await rm(path, { force: true })
  }
  return { owner, release }
}

/** Removes the lock at `path` if a process of this job holds it, which is known to be over. */
export const releaseJob = async (path: string, job: string): Promise<void> => {
  const seen = await readIfThere(path)
  if (seen !== undefined && parseOwner(seen.text)?.job?.id === job) await takeAway(path, seen.text, thisOwner())
}

/** Options of waiting for a lock. */
export interface LockOptions {
  /** Called once with the owner, if another process holds the lock. */
  readonly onWait?: (holder: Owner | undefined) => void
  readonly times?: LockTimes
  /** Ends the wait without running `body`. */
  readonly signal?: AbortSignal
}

/** Runs `body` under the lock at `path`. @error the reason of `signal` if it aborts before */
export const withLock = async <T>(
  path: string,
  body: (owner: Owner) => Promise<T>,
  { onWait = () => {}, times = usual, signal }: LockOptions = {},
): Promise<T> => {
  for (let waited = false; ; waited = true) {
    signal?.throwIfAborted()
    const lock = await tryLock(path, times)
    if ("release" in lock) {
      try {
        return await body(lock.owner)
      } finally {
        await lock.release()
      }
    }
    if (!waited) onWait(lock.heldBy)
    await Bun.sleep(times.poll)
  }
}

/** Makes the file with its text in one step, so that nobody reads half of it; false if the file exists. */
const take = async (path: string, owner: Owner): Promise<boolean> => {
  const text = JSON.stringify(owner)
  const draft = `${path}.${owner.token}`
  try {
    await writeFile(draft, text)
    await link(draft, path)
    return true
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === "EEXIST") return false
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS" && code !== "EOPNOTSUPP") throw cause
    return await takeWithoutLinks(path, text) // exFAT and some network disks have no hard links
  } finally {
    await rm(draft, { force: true })
  }
}

const takeWithoutLinks = async (path: string, text: string): Promise<boolean> => {
  try {
    const file = await open(path, "wx")
    await file.writeFile(text)
    await file.close()
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false
    throw cause
  }
}

/**
 * Removes a stale lock. Of several processes that see it stale only one can rename it. A late process may rename the
 * new lock of a faster one instead; it recognises this by the text and puts the lock back.
 */
const takeAway = async (path: string, staleText: string, owner: Owner): Promise<void> => {
  const aside = `${path}.${owner.token}.stale`
  try {
    await rename(path, aside)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return
    throw cause
  }
  if ((await readFile(aside, "utf8")) !== staleText) await link(aside, path).catch(() => {})
  await rm(aside, { force: true })
}

const readIfThere = async (path: string): Promise<{ text: string; modified: number } | undefined> => {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, "utf8"), stat(path)])
    return { text, modified: mtimeMs }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw cause
  }
}
