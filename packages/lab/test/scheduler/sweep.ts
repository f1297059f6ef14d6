/** The stages of a sweep in the shape of a real one, each with the seconds that it takes on a simulated cluster. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { seeded } from "@winnow/numerics"
import { Effect } from "effect"
import { type Stage, stage } from "../../src/stage.ts"

/** The size of a sweep. */
export interface SweepSize {
  readonly arms: number
  readonly seeds: number
  /** Parts of the target's cache. */
  readonly shards: number
}

/** Mean seconds of a stage by its kind; arms and measurements vary by a third. */
export const secondsOf: Readonly<Record<string, number>> = {
  data: 60,
  target: 1800,
  signals: 600,
  "sharded-signals": 5,
  rollouts: 600,
  start: 120,
  arm: 300,
  measure: 60,
}

export interface Sweep {
  readonly leaves: ReadonlyArray<Stage>
  /** Seconds of a stage, by its key. */
  readonly seconds: ReadonlyMap<string, number>
}

/** Makes the stages: data, target, its cache in shards, its texts; a start for each seed, an arm for each cell, its measurement. */
export const sweepOf = ({ arms, seeds, shards }: SweepSize): Sweep => {
  const rng = seeded(1, "sweep")
  const seconds = new Map<string, number>()
  const add = (kind: string, label: string, inputs: ReadonlyArray<Stage>, seed?: number): Stage => {
    const varies = kind === "arm" || kind === "measure"
    const took = secondsOf[kind]! * (varies ? 2 / 3 + (2 / 3) * rng.uniform() : 1)
    const made = stage({
      ...{ kind, label, inputs, config: { label }, code: null, work: { flops: took } },
      ...(seed !== undefined && { seed }),
      run: ({ directory }) =>
        Effect.sync(() => {
          writeFileSync(join(directory, "figures.json"), JSON.stringify({ label, took }))
          return { flops: took, tokens: 1 }
        }),
    })
    seconds.set(made.key, took)
    return made
  }
  const data = add("data", "data", [])
  const target = add("target", "target", [data])
  const parts = Array.from({ length: shards }, (_, i) => add("signals", `shard ${i}`, [data, target]))
  const cache = add("sharded-signals", "target signals", parts)
  const texts = ["greedy", "sampled"].map((name) => add("rollouts", name, [data, target]))
  const leaves: Array<Stage> = [...texts]
  for (let seed = 1; seed <= seeds; seed++) {
    const start = add("start", `start, seed ${seed}`, [data], seed)
    for (let arm = 1; arm <= arms; arm++) {
      const trained = add("arm", `arm ${arm}, seed ${seed}`, [data, target, start, cache], seed)
      leaves.push(add("measure", `measure ${arm}, seed ${seed}`, [trained, target, ...texts]))
    }
  }
  return { leaves, seconds }
}
