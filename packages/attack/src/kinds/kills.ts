/**
 * Kills a real run by SIGKILL at a random moment, in one process or with workers; the next run ends with the same
 * bytes.
 */
import { rmSync } from "node:fs"
import { join } from "node:path"
import { killRun, moments, recordContents, runChild, startChild, storeContents } from "@winnow/lab/testing"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import type { Kind } from "../kind.ts"
import { pick } from "../random.ts"

/** Kills. */
export const kills: Kind = {
  name: "kills",
  of: "runs killed at a random moment",
  whole: 100,
  seconds: 180,
  setUp: async (folder) => {
    await openEngine()
    // A killed process never returns, so this process can resume its run.
    const contents = async (home: string) => {
      const directory = await Effect.runPromise(killRun({ home, seeds: "1", jobs: 1 }, () => {}))
      return JSON.stringify([[...storeContents(home)].toSorted(), recordContents(directory)])
    }
    const expected = await contents(join(folder, "undisturbed"))
    // The next process loads its code while a trial runs; its stdin closes when this process ends, and then it ends
    // too.
    let spare = startChild()
    return async (rng, i, tell) => {
      const home = join(folder, `home-${i}`)
      const moment = pick(rng, moments)
      const jobs = rng.below(5) === 0 ? 2 : 1
      const damage = `${moment.name}, ${jobs} jobs`
      try {
        tell(damage)
        const child = spare
        const running = runChild({ home, seeds: "1", jobs }, moment, rng.uniform(), child)
        spare = startChild()
        const first = await running
        if ((await contents(home)) !== expected) return { outcome: "wrong", damage, detail: "other bytes" }
        return { outcome: "same", damage, detail: first.killed ? "killed" : "ended before the kill" }
      } catch (error) {
        return { outcome: "wrong", damage, detail: String(error).slice(0, 1500) }
      } finally {
        rmSync(home, { recursive: true, force: true })
      }
    }
  },
}
