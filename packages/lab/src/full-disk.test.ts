/** Runs on disks that refuse: real file systems of a stated size, or read-only. They need the right to mount. */
import { afterAll, expect, test } from "bun:test"
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { FileError } from "@winnow/files"
import { Effect } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { runLayers } from "../test/run-layers.ts"
import { tiny } from "../test/tiny.ts"
import { resolve } from "./experiment/resolve.ts"

const folder = mkdtempSync(join(tmpdir(), "winnow-disk-"))
const mounted: Array<string> = []

/** A tmpfs of some size; undefined if this process may not mount. */
const aDisk = (name: string, size: string): string | undefined => {
  const at = join(folder, name)
  mkdirSync(at)
  if (spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", at]).status !== 0) return undefined
  mounted.push(at)
  return at
}
const remount = (at: string, options: string) => execFileSync("mount", ["-o", `remount,${options}`, at])
afterAll(() => {
  for (const at of mounted) spawnSync("umount", [at])
})
const mayMount = aDisk("probe", "64k") !== undefined
if (!mayMount) console.warn("disks that refuse are skipped: this process may not mount a tmpfs")

const run = (home: string, results: string) =>
  Effect.flatMap(resolve(tiny), (resolved) => runDistillation(resolved, { slug: "000-tiny", results })).pipe(
    Effect.provide(runLayers(home, { results })),
  )
const refused = async (home: string, results: string) => {
  const error = await Effect.runPromise(Effect.flip(run(home, results)))
  expect(error).toBeInstanceOf(FileError)
  return error as FileError
}

test.skipIf(!mayMount)(
  "a store on a full disk: path and remedy, nothing half done, and on it goes with room",
  async () => {
    const home = aDisk("store", "200k")!
    const results = join(folder, "results-1")
    for (const size of ["200k", "400k", "500k"]) {
      remount(home, `size=${size}`)
      const error = await refused(home, results)
      expect(error.code).toBe("ENOSPC")
      expect(error.message).toMatch(/^\/\S+: the disk is full; free some space/)
      expect(error.message).toContain(home)
    }
    remount(home, "size=64m")
    const { directory, record } = await Effect.runPromise(run(home, results))
    expect(record.missing).toEqual([])
    expect(readdirSync(directory)).toContain("run.json")
    const left = readdirSync(join(home, "artifacts"), { recursive: true }).map(String)
    expect(left.filter((name) => /\.partial|\.tmp$|discarded/.test(name))).toEqual([])
  },
)

test.skipIf(!mayMount)(
  "results on a full or read-only disk are refused alike, and written once they can be",
  async () => {
    const home = join(folder, "home-2")
    const results = aDisk("results-2", "64k")!
    expect((await refused(home, results)).code).toBe("ENOSPC")
    remount(results, "size=64m")
    const { directory } = await Effect.runPromise(run(home, results))
    expect(existsSync(join(directory, "run.json"))).toBe(true)
    remount(results, "ro")
    const again = join(results, "below")
    const error = await refused(home, again)
    expect(error.code).toBe("EROFS")
    expect(error.message).toContain("the file system is read-only")
  },
)

test.skipIf(!mayMount)("a read-only store refuses what is to be made, with path and remedy", async () => {
  const home = aDisk("store-3", "64m")!
  remount(home, "ro")
  const error = await refused(home, join(folder, "results-3"))
  expect(error.code).toBe("EROFS")
  expect(error.message).toContain(home)
})
