/** The first examples of a task's text: what a training reads of it, what a cache of it costs, and too few examples. */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineTask } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { echo, everything, squares, tiny, tinyModel } from "../test/tiny.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { fresh } from "./experiment/start.ts"
import { taskText } from "./experiment/text.ts"
import { Progress } from "./progress.ts"
import { Store } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-first-text-"))
const layers = Layer.mergeAll(
  Store.layer(home),
  datasetsLayer({ folder: undefined }),
  Layer.succeed(Progress, { report: () => {} }),
)
const run = (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
  applySettings(experiment, settings).pipe(
    Effect.flatMap((e) => resolve(e)),
    Effect.flatMap((r) => runDistillation(r, { slug: "000-tiny", results: join(home, "results") })),
    Effect.provide(layers),
    Effect.runPromise,
  )

const distil = { filter: everything(), loss: squares(), steps: 6, batchSize: 4, optimizer: { warmup: 2 } } as const
const few = taskText(undefined, { first: 4 })
const base: Experiment = {
  ...tiny,
  target: fresh(tinyModel(32), { steps: 20, batchSize: 8 }),
  arms: {
    all: arm({ ...distil, signals: { target: "hidden" } }),
    few: arm({ ...distil, text: few, signals: { target: "hidden" } }),
    other: arm({ ...distil, text: taskText(echo({ letters: 3 }), { first: 2 }) }),
  },
  seeds: [1],
  measure: { ...tiny.measure!, prompts: 2, timedPrompts: 1 },
}

test("a training reads the first examples alone, more often, and a cache covers these alone", async () => {
  const { record } = await run(base)
  expect(record.missing).toEqual([])
  const budget = (name: string) => record.rows.find((row) => row.name === name)!.budget[0]!
  const [all, less, other] = [budget("all"), budget("few"), budget("other")]
  // six steps of four sequences
  expect([all.arm.passes, less.arm.passes, other.arm.passes]).toEqual([2, 6, 12])
  const [ofAll, ofFew] = [all.signals[0]!, less.signals[0]!]
  // Of twelve examples.
  expect(ofFew.tokens).toBe(ofAll.tokens / 3)
  expect(ofFew.flops).toBeCloseTo(ofAll.flops / 3, 0)
  expect(record.stages.map(({ label }) => label)).toContain("the task's text, 4 examples")
  expect(record.stages.map(({ label }) => label)).toContain("text of echo, 2 examples")
})

/** Twelve letters, of which two have answers that are longer than `maxLength`. */
const uneven = defineTask({
  name: "uneven",
  options: type({ "+": "reject" }),
  make: () => {
    const examples = Array.from({ length: 12 }, (_, i) => String.fromCharCode(97 + i)).map((letter, i) => ({
      prompt: `${letter}:`,
      answer: letter.repeat(i < 2 ? 40 : 10),
    }))
    return Effect.succeed({ examples: () => examples, sharesPrompts: true })
  },
})

test("more examples than there are is refused before any work, the number is a setting; long ones are counted later", async () => {
  await expect(run(base, 'arms.few.text={"kind":"task","first":500}')).rejects.toThrow(
    "arms.few.text.first is 500, the train split has 12 examples; ask for fewer",
  )
  const { record } = await run({ ...base, task: uneven() }, 'arms.few.text={"kind":"task","first":11}')
  expect(record.missing.map(({ name }) => name)).toEqual(["few"])
  expect(record.missing[0]!.message).toContain(
    "the task's text, 11 examples: the training split has 10 within maxLength; ask for fewer",
  )
  await expect(run(base, 'arms.few.text={"kind":"task","first":0}')).rejects.toThrow(/first must be/)
})
