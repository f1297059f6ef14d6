/** Stores on disks of a random size: a full disk refuses the run with path and remedy; with room the run goes on. */
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { recordContents } from "@winnow/lab/testing"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { ended, triedBy } from "../judge.ts"
import type { Kind } from "../kind.ts"
import { tinyRun } from "../tiny-run.ts"

/** Full disks. Each trial counts as read, and says so, where this process may not mount. */
export const disks: Kind = {
  name: "disks",
  of: "stores on full disks",
  whole: 100,
  seconds: 120,
  setUp: async (folder) => {
    await openEngine()
    const first = await Effect.runPromise(tinyRun(join(folder, "base")))
    const expected = JSON.stringify(recordContents(first.directory))
    return async (rng, i, tell) => {
      const disk = join(folder, `disk-${i}`)
      mkdirSync(disk)
      const kilobytes = 16 + rng.below(900)
      const damage = `a disk of ${kilobytes} kB`
      if (spawnSync("mount", ["-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", disk]).status !== 0)
        return { outcome: "read", damage, detail: "this process may not mount" }
      try {
        tell(damage)
        const end = await ended(tinyRun(disk))
        if (end._tag === "wrong") return triedBy(damage, end)
        if (end._tag === "refused" && !/the disk is full; free some space/.test(end.message))
          return { outcome: "wrong", damage, detail: end.message }
        execFileSync("mount", ["-o", "remount,size=64m", disk])
        const again = await ended(tinyRun(disk))
        if (again._tag !== "done") return { outcome: "wrong", damage, detail: `with room: ${JSON.stringify(again)}` }
        if (JSON.stringify(recordContents(again.value.directory)) !== expected)
          return { outcome: "wrong", damage, detail: "another record" }
        return end._tag === "refused"
          ? { outcome: "refused", damage, detail: end.message }
          : { outcome: "same", damage, detail: "" }
      } finally {
        spawnSync("umount", [disk])
      }
    }
  },
}
