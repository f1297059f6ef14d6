/** SIGKILL at a random moment of a real run, in one process or with workers; the run after it ends with the same bytes. */
import { rmSync } from "node:fs"
import { join } from "node:path"
import { moments, recordContents, runChild, storeContents } from "@winnow/lab/testing"
import type { Kind } from "../kind.ts"
import { pick } from "../random.ts"

/** The kind. */
export const kills: Kind = {
  name: "kills",
  of: "runs killed at a random moment",
  whole: 100,
  seconds: 180,
  setUp: async (folder) => {
    const contents = async (home: string) => {
      const { directory } = await runChild({ home, seeds: "1", jobs: 1 })
      return JSON.stringify([[...storeContents(home)].toSorted(), recordContents(directory!)])
    }
    const expected = await contents(join(folder, "undisturbed"))
    return async (rng, i, tell) => {
      const home = join(folder, `home-${i}`)
      const moment = pick(rng, moments)
      const jobs = rng.below(5) === 0 ? 2 : 1
      const damage = `${moment.name}, ${jobs} jobs`
      try {
        tell(damage)
        const first = await runChild({ home, seeds: "1", jobs }, moment, rng.uniform())
        if ((await contents(home)) !== expected) return { outcome: "wrong", damage, detail: "other bytes" }
        return { outcome: "same", damage, detail: first.killed ? "killed" : "ended before its moment" }
      } catch (error) {
        return { outcome: "wrong", damage, detail: String(error).slice(0, 1500) }
      } finally {
        rmSync(home, { recursive: true, force: true })
      }
    }
  },
}
