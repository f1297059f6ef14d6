import { expect, test } from "bun:test"
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { sha256, thisOwner } from "@winnow/files"
import { readManifest } from "./cache.ts"
import { type DownloadOptions, downloadLibraries } from "./download.ts"
import { failingWay, makeWheel, quietMeter, temporaryFolder, wayOf, wheelOf } from "./fixtures.ts"

const platform = "linux-x86-64"
const good = makeWheel(platform)
const wheel = wheelOf(good)

/** Downloads into a new cache and returns the outcome, the failure of each way, and the files left in the cache. */
const outcomeOf = async (options: Partial<DownloadOptions>, asked = wheel) => {
  using folder = temporaryFolder()
  const cache = join(folder.path, "cache")
  const meter = quietMeter()
  const { outcome, attempts, directory } = await downloadLibraries(asked, {
    cache,
    platform,
    meter,
    ways: [],
    ...options,
  })
  const statedBy = outcome === "done" ? (await readManifest(directory)).wheel.statedBy : undefined
  return {
    outcome,
    why: attempts.map(({ why }) => why),
    attempts,
    left: readdirSync(cache),
    statedBy,
    lines: meter.lines,
  }
}
const folderName = "9.9.9-linux-x86-64-cpu"

test("only the two libraries and a manifest are kept", async () => {
  using folder = temporaryFolder()
  const cache = join(folder.path, "deep", "cache")
  const got = await downloadLibraries(wheel, { cache, platform, meter: quietMeter(), ways: [wayOf(good)] })
  expect(got.outcome).toBe("done")
  expect(readdirSync(got.directory).toSorted()).toEqual([
    "libtensorflow_cc.so.2",
    "libtensorflow_framework.so.2",
    "manifest.json",
  ])
  const manifest = await readManifest(got.directory)
  for (const { name, sha256: stated } of manifest.files)
    expect(sha256(await Bun.file(join(got.directory, name)).bytes())).toBe(stated)
})

test("a failed way is reported, and the next one is used", async () => {
  const found = await outcomeOf({ ways: [failingWay(new Error("no route to host"), "pip"), wayOf(good, "https")] })
  expect(found).toMatchObject({ outcome: "done", why: ["no route to host"], left: [folderName] })
  expect(found.lines).toContain("By pip it failed: no route to host")
})

const spoilt = {
  "a truncated wheel": good.subarray(0, good.length - 100),
  "a page instead of a wheel": new TextEncoder().encode("<html>blocked by the proxy</html>"),
  "an empty file": new Uint8Array(0),
}

test.each(Object.entries(spoilt))("%s does not have the pinned sum", async (_, bytes) => {
  const found = await outcomeOf({ ways: [wayOf(bytes)] })
  expect(found.why).toEqual([`${wheel.fileName} came with SHA-256 ${sha256(bytes)}, expected ${wheel.sha256}`])
  expect(found.left).toEqual([])
})

test.each(Object.entries(spoilt))("%s without a pinned sum is still no wheel", async (_, bytes) => {
  const found = await outcomeOf({ ways: [wayOf(bytes)] }, wheelOf(good, false))
  expect(found.why[0]).toContain(`${wheel.fileName} is not a whole wheel: `)
  expect(found.left).toEqual([])
})

test("without a pinned sum the one that the index stated must match, and the manifest says who vouched", async () => {
  const unpinned = wheelOf(good, false)
  expect(await outcomeOf({ ways: [wayOf(good, "https", "0".repeat(64))] }, unpinned)).toMatchObject({
    outcome: "failed",
    why: [`${wheel.fileName} came with SHA-256 ${sha256(good)}, expected ${"0".repeat(64)}`],
  })
  expect((await outcomeOf({ ways: [wayOf(good, "https", sha256(good))] }, unpinned)).statedBy).toBe("index")
  expect((await outcomeOf({ ways: [wayOf(good, "pip")] }, unpinned)).statedBy).toBe("pip")
  expect((await outcomeOf({ ways: [wayOf(good, "pip")] })).statedBy).toBe("pinned")
})

test("a wheel that lacks a library, its RECORD, or differs from it is refused by name", async () => {
  const why = async (change: Parameters<typeof makeWheel>[1]) => {
    const bytes = makeWheel(platform, change)
    return (await outcomeOf({ ways: [wayOf(bytes)] }, wheelOf(bytes))).why[0]
  }
  const cc = "tensorflow/libtensorflow_cc.so.2"
  expect(await why((members) => delete members[cc])).toBe(`${wheel.fileName} does not hold ${cc}`)
  expect(await why((members) => delete members["tensorflow-9.9.9.dist-info/RECORD"])).toContain("has no RECORD")
  expect(await why((members) => members[cc]!.fill(9, 1000, 1016))).toMatch(/its RECORD says [0-9a-f]{64}$/)
})

test("libraries of another machine are refused before they get their name", async () => {
  const bytes = makeWheel("linux-arm64")
  const found = await outcomeOf({ ways: [wayOf(bytes)] }, wheelOf(bytes))
  expect(found.why[0]).toContain("libtensorflow_cc.so.2 is built for arm64, this machine is x86-64")
  expect(found.left).toEqual([])
})

test("too little space gives an error before any download, with the needed bytes and the folder", async () => {
  const way = wayOf(good)
  const found = await outcomeOf({ ways: [way], freeBytes: async () => 10e6 })
  expect(found.why[0]).toMatch(/^not enough space: about 21 MB are needed in .*cache, 10 MB are free$/)
  expect(found.attempts[0]!.remedy).toContain("set XDG_CACHE_HOME to a folder on a larger disk")
  expect(way.calls).toBe(0)
})

test("a disk that fills up while writing gives the same error, and no leftovers", async () => {
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" })
  const found = await outcomeOf({ ways: [failingWay(full)] })
  expect(found.why[0]).toStartWith("not enough space: about 21 MB are needed in ")
  expect(found.left).toEqual([])
})

test("an unusable folder under the final name is replaced", async () => {
  using folder = temporaryFolder()
  const directory = join(folder.path, folderName)
  mkdirSync(directory)
  writeFileSync(join(directory, "libtensorflow_cc.so.2"), "half a libr")
  const got = await downloadLibraries(wheel, { cache: folder.path, platform, meter: quietMeter(), ways: [wayOf(good)] })
  expect(got.outcome).toBe("done")
  expect(readdirSync(folder.path)).toEqual([folderName])
})

test("of working folders only those of ended processes are swept", async () => {
  using folder = temporaryFolder()
  const ended = Bun.spawn(["true"])
  await ended.exited
  const owners = {
    ended: { ...thisOwner(), pid: ended.pid },
    alive: thisOwner(),
    elsewhere: { ...thisOwner(), host: `not-${hostname()}` },
    "elsewhere-long-ago": { ...thisOwner(), host: `not-${hostname()}` },
  }
  for (const [name, owner] of Object.entries(owners)) {
    mkdirSync(join(folder.path, `.work-${name}`))
    writeFileSync(join(folder.path, `.work-${name}`, "owner.json"), JSON.stringify(owner))
  }
  const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 3600
  utimesSync(join(folder.path, ".work-elsewhere-long-ago", "owner.json"), twoDaysAgo, twoDaysAgo)
  mkdirSync(join(folder.path, ".work-killed-before-it-said-whose"))
  writeFileSync(join(folder.path, "keep.txt"), "not ours")
  await downloadLibraries(wheel, { cache: folder.path, platform, meter: quietMeter(), ways: [wayOf(good)] })
  expect(readdirSync(folder.path).toSorted()).toEqual([".work-alive", ".work-elsewhere", folderName, "keep.txt"])
})

test("a cache that cannot be made is an attempt with a remedy, not a crash", async () => {
  using folder = temporaryFolder()
  writeFileSync(join(folder.path, "file"), "")
  const cache = join(folder.path, "file", "cache")
  const got = await downloadLibraries(wheel, { cache, platform, meter: quietMeter(), ways: [wayOf(good)] })
  expect(got.outcome).toBe("failed")
  expect(got.attempts[0]!.where).toBe("download")
  expect(existsSync(cache)).toBe(false)
})
