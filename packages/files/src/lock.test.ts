import { expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { releaseJob, tryLock, withLock } from "./lock.ts"
import { isAlive, type Owner, parseOwner, thisOwner } from "./owner.ts"

const temporaryFolder = () => {
  const path = mkdtempSync(join(tmpdir(), "winnow-lock-"))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const quick = { poll: 5, heartbeat: 20, staleAfter: 200 }

const writeLock = (path: string, owner: Partial<Owner>, ageSeconds = 0) => {
  writeFileSync(path, JSON.stringify({ ...thisOwner(), ...owner }))
  const then = Date.now() / 1000 - ageSeconds
  utimesSync(path, then, then)
}

/** Takes the lock and reports if that needed waiting. */
const takes = async (path: string): Promise<"at once" | "after waiting"> => {
  let waited = false
  const noteWaiting = () => {
    waited = true
  }
  await withLock(path, async () => {}, { onWait: noteWaiting, times: quick })
  return waited ? "after waiting" : "at once"
}

test("bodies under one lock never overlap, and the lock is gone afterwards", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "a.lock")
  let [inside, most, runs] = [0, 0, 0]
  const body = async () => {
    most = Math.max(most, ++inside)
    await Bun.sleep(3)
    inside--
    runs++
  }
  await Promise.all(Array.from({ length: 8 }, () => withLock(path, body, { times: quick })))
  expect({ most, runs, left: readdirSync(folder.path) }).toEqual({ most: 1, runs: 8, left: [] })
})

test("a body that throws releases the lock", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "a.lock")
  const failing = withLock(path, () => Promise.reject(new Error("no")), { times: quick })
  await expect(failing).rejects.toThrow("no")
  expect(existsSync(path)).toBe(false)
})

test("a dead process of this host holds no lock, nor does one whose number was reused", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "a.lock")
  const child = Bun.spawn(["true"])
  await child.exited
  writeLock(path, { pid: child.pid })
  expect(await takes(path)).toBe("at once")
  writeLock(path, { started: "another boot 12345" })
  expect(await takes(path)).toBe("at once")
})

test("a wait lasts until the holder's heartbeat is stale, for a living process and for another host", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "a.lock")
  writeLock(path, {})
  expect(await takes(path)).toBe("after waiting")
  writeLock(path, { host: `not-${hostname()}`, pid: 1 })
  expect(await takes(path)).toBe("after waiting")
  writeLock(path, { host: `not-${hostname()}`, pid: 1 }, 60)
  expect(await takes(path)).toBe("at once")
})

test("a later attempt of a job takes the lock of an earlier one on any host; no other job does", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "a.lock")
  const other = { host: `not-${hostname()}`, pid: 1 }
  const attempt = async (id: string, attempt: string, holder: Partial<Owner>) => {
    writeLock(path, { ...other, ...holder })
    Object.assign(process.env, { WINNOW_JOB: id, WINNOW_JOB_ATTEMPT: attempt })
    try {
      const lock = await tryLock(path, quick)
      if ("release" in lock) await lock.release()
      return "release" in lock
    } finally {
      delete process.env["WINNOW_JOB"]
      delete process.env["WINNOW_JOB_ATTEMPT"]
    }
  }
  const job = { id: "slurm a 7", attempt: 1 }
  expect(await attempt("slurm a 7", "2", { job })).toBe(true)
  expect(await attempt("slurm a 7", "1", { job })).toBe(false)
  expect(await attempt("slurm a 8", "2", { job })).toBe(false)
  expect(await attempt("slurm a 7", "2", {})).toBe(false)
  writeLock(path, { ...other, job })
  await releaseJob(path, "slurm a 8")
  expect(existsSync(path)).toBe(true)
  await releaseJob(path, "slurm a 7")
  expect(readdirSync(folder.path)).toEqual([])
  await releaseJob(path, "slurm a 7")
})

test("a process of another process table, or of another machine of the same name, cannot be asked", () => {
  const owner = thisOwner()
  expect(isAlive({ ...owner, table: "elsewhere pid:[1]" })).toBeUndefined()
  const { table: _, ...earlier } = owner
  expect(isAlive({ ...earlier, started: "another boot 12345" })).toBe(false)
})

test("a lock file without an owner goes stale by age alone", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "a.lock")
  writeFileSync(path, "")
  expect(await takes(path)).toBe("after waiting")
})

test("the heartbeat keeps a lock for longer than the time to go stale", async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, "a.lock")
  const order: Array<string> = []
  const first = withLock(
    path,
    async () => {
      await Bun.sleep(3 * quick.staleAfter)
      order.push("first")
    },
    { times: quick },
  )
  await Bun.sleep(20)
  await withLock(path, async () => void order.push("second"), { times: quick })
  await first
  expect(order).toEqual(["first", "second"])
})

test("owners are parsed, other texts are not", () => {
  const owner = thisOwner()
  expect(parseOwner(JSON.stringify(owner))).toEqual(owner)
  expect(parseOwner("{")).toBeUndefined()
  expect(parseOwner('{"pid":0}')).toBeUndefined()
  expect(isAlive(owner)).toBe(true)
  expect(isAlive({ ...owner, host: "elsewhere" })).toBeUndefined()
  expect(thisOwner().token).not.toBe(owner.token)
})
