import { expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { withLock } from "./lock.ts"
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
