/** An endless supply of problems for a difficulty, and disjoint splits of them. */
import type { Example, Split } from "@winnow/core"
import { type Rng, seeded } from "@winnow/numerics"
import { type Difficulty, Problem, type Scene } from "./problem.ts"
import { collection } from "./scenes/collection.ts"
import { comparison } from "./scenes/comparison.ts"
import { reading } from "./scenes/reading.ts"
import { rows } from "./scenes/rows.ts"
import { shop } from "./scenes/shop.ts"

/** The running total is the richest scene and comes twice as often as any other. */
const scenes: ReadonlyArray<Scene> = [collection, collection, comparison, reading, rows, shop]

/** One problem: scene and number of steps are drawn first, so that void problems do not shift their shares. */
const problem = (difficulty: Difficulty, rng: Rng): Example | undefined => {
  const scene = scenes[rng.below(scenes.length)]!
  const steps = difficulty.minSteps + rng.below(difficulty.maxSteps - difficulty.minSteps + 1)
  for (let attempt = 0; attempt < 100; attempt++) {
    const made = scene(new Problem(difficulty, rng), steps)
    if (made !== undefined) return { prompt: made.prompt, answer: made.answer }
  }
  return undefined
}

export interface Sizes {
  readonly train: number
  readonly validation: number
  readonly test: number
}

/** The splits in the order of generation: the held-out ones stay the same when the training split grows. */
const order: ReadonlyArray<Split> = ["test", "validation", "train"]

/** The examples, or the number of problems if there are too few. */
export type Generated =
  | { readonly ok: true; readonly examples: Readonly<Record<Split, ReadonlyArray<Example>>> }
  | { readonly ok: false; readonly split: Split; readonly found: number }

/** Generates the splits; no two examples in any splits have the same prompt. */
export const generate = (difficulty: Difficulty, sizes: Sizes, seed: number): Generated => {
  const seen = new Set<string>()
  const examples: Record<Split, Array<Example>> = { train: [], validation: [], test: [] }
  for (const split of order) {
    const rng = seeded(seed, "arithmetic", split)
    const list = examples[split]
    // Fewer and fewer new problems remain in a nearly exhausted space: after this many failures the search ends.
    let vain = 0
    while (list.length < sizes[split]) {
      const example = problem(difficulty, rng)
      if (example !== undefined && !seen.has(example.prompt)) {
        seen.add(example.prompt)
        list.push(example)
        vain = 0
      } else if (++vain === 1000) return { ok: false, split, found: list.length }
    }
  }
  return { ok: true, examples }
}
