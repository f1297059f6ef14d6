/**
 * SIGKILL at random moments of whole runs, with one process or two in the same store, and stages in one process or in
 * workers. The run that goes on afterwards ends with the same bytes as an undisturbed run, and starts from the newest
 * checkpoint.
 */
import { expect, test } from "bun:test"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { seeded } from "@winnow/numerics"
import { Effect } from "effect"
import { makeRunStore } from "../src/runs/run-store.ts"
import { moments, runChild } from "./kill-process.ts"
import { checkpointsIn, recordContents, resumesOf, storeContents } from "./store-contents.ts"

/**
 * Least number of kills. On a fast machine some of them come too late: the test goes on until enough took effect, up to
 * `most`.
 */
const [kills, most] = [30, 90]
/** Two experiments that share all but a seed. */
const runs = ["1,2", "2,3"] as const

/** Runs both to their end, at the same time; returns the contents of the store and of the results. */
const finished = async (home: string) => {
  const ends = await Promise.all(runs.map((seeds) => runChild({ home, seeds, jobs: 1 })))
  const entries = await Effect.runPromise(makeRunStore(home, [join(home, "results")]).list())
  expect(entries.map(({ state }) => state)).toEqual(["done", "done"])
  return { store: storeContents(home), records: ends.map(({ directory }) => recordContents(directory!)) }
}

/** Stages with a checkpoint must have continued from it, or from a newer one, in each attempt since. */
const expectResumed = (home: string, before: ReturnType<typeof checkpointsIn>) => {
  for (const [name, { step, resumed }] of before) {
    const place = [join(home, "artifacts", name), join(home, "artifacts", `${name}.partial`)].find(existsSync)
    if (place === undefined) throw new Error(`${name} had a checkpoint of step ${step}, and is gone`)
    for (const from of resumesOf(place).slice(resumed)) expect(from).toBeGreaterThanOrEqual(step)
    expect(checkpointsIn(home).get(name)?.step ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(step)
  }
}

test(`killed ${kills} times, runs end as if they had not been`, async () => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-kills-"))
  const rng = seeded(17, "kills")
  const undisturbed = await finished(join(folder, "undisturbed"))
  let [killed, round, homes, resumed] = [0, 0, 0, 0]
  const killedIn = new Map<string, number>()
  const hit = () => resumed > 5 && moments.every(({ name }) => (killedIn.get(name) ?? 0) > 0)
  const enough = () => killed >= most || (killed >= kills && hit())
  while (!enough()) {
    const home = join(folder, `home-${homes++}`)
    // Until a process ends before its moment: there is little left to interrupt.
    for (let ended = false; !ended && !enough(); round++) {
      const before = checkpointsIn(home)
      const moment = moments[round % moments.length]!
      // One process or two, which run the same or differ in a seed; the first uses workers in every fifth round.
      const seeds = round % 2 === 0 ? [runs[0], runs[(round >> 1) & 1]!] : [runs[0]]
      const ends = await Promise.all(
        seeds.map((seeds, i) =>
          runChild({ home, seeds, jobs: round % 5 === 4 && i === 0 ? 2 : 1 }, moment, rng.uniform()),
        ),
      )
      const [dead, alive] = [ends.filter((e) => e.killed), ends.filter((e) => !e.killed)]
      killed += dead.length
      killedIn.set(moment.name, (killedIn.get(moment.name) ?? 0) + dead.length)
      ended = alive.length === ends.length
      expectResumed(home, before)
      resumed += before.size
    }
    const { store, records } = await finished(home)
    expect(store).toEqual(undisturbed.store)
    expect(records).toEqual(undisturbed.records)
  }
  // Kills without effect would make the test meaningless.
  for (const { name } of moments) expect(killedIn.get(name) ?? 0).toBeGreaterThan(0)
  expect(resumed).toBeGreaterThan(5)
  rmSync(folder, { recursive: true, force: true })
}, 1_200_000)
