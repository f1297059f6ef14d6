/**
 * A lock file between processes, on one machine or on a shared disk.
 *
 * The file holds its owner and is touched every two seconds. It is stale, and taken over, when its owner's process is
 * gone (at once, after a kill too) or when it was not touched for a minute (an owner on another machine, or one that is
 * stopped). The lock only saves double work: what is made under it must appear by one rename, so that two owners, which a
 * stopped and continued process can bring about, do no harm.
 */
import { link, open, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises"
import { isAlive, type Owner, parseOwner, thisOwner } from "./owner.ts"

/** Times in milliseconds. */
export interface LockTimes {
  readonly poll: number
  readonly heartbeat: number
  readonly staleAfter: number
}

const usual: LockTimes = { poll: 300, heartbeat: 2000, staleAfter: 60_000 }

/** A lock that is held: its file is touched until it is released. */
export interface HeldLock {
  readonly owner: Owner
  readonly release: () => Promise<void>
}

/** One attempt: the lock, or who holds it (undefined where its file cannot be read as an owner). */
export const tryLock = async (
  path: string,
  times: LockTimes = usual,
): Promise<HeldLock | { readonly heldBy: Owner | undefined }> => {
  const owner = thisOwner()
  while (!(await take(path, owner))) {
    const seen = await readIfThere(path)
    if (seen === undefined) continue
    const holder = parseOwner(seen.text)
    const alive = holder === undefined ? undefined : isAlive(holder)
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

/** How a lock is waited for. */
export interface LockOptions {
  /** Told once who holds the lock, if somebody does. */
  readonly onWait?: (holder: Owner | undefined) => void
  readonly times?: LockTimes
  /** Ends the waiting; `body` is then not run. */
  readonly signal?: AbortSignal
}

/** Runs `body` while holding the lock at `path`. @error the reason of `signal` when it is aborted before */
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

/** Makes the file with its text in one step, so that nobody reads it half written; false when it exists. */
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
 * Removes a stale lock. Of several processes that saw it stale only one gets to rename it; one that comes late may rename
 * the new lock of a faster one instead: it sees so by the text, and puts it back.
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
