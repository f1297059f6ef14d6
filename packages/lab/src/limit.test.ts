/** Smoke runs of experiments whose drafts read written text and chosen examples: they finish at any length. */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { byteTokenizer, datasetsLayer } from "@winnow/data"
import { randomExamples } from "@winnow/filter-random-examples"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { echo, everything, squares, tiny, tinyModel } from "../test/tiny.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { limited } from "./experiment/limit.ts"
import { resolve } from "./experiment/resolve.ts"
import { fresh } from "./experiment/start.ts"
import { mixture, taskText, written } from "./experiment/text.ts"
import { buildGraph } from "./graph.ts"
import { Progress } from "./progress.ts"
import { runStages } from "./schedule/run-all.ts"
import { inOrder } from "./stage.ts"
import { readSplit } from "./stages/text.ts"
import { Store } from "./store/store.ts"
import { readTexts } from "./texts.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-limit-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const distil = { filter: everything(), loss: squares(), steps: 3, batchSize: 4, optimizer: { warmup: 2 } }
const byTarget = written({ by: "target" })
const experiment: Experiment = {
  ...tiny,
  arms: {
    chosen: arm({ ...distil, examples: randomExamples({ k: 0.01 }), text: byTarget }),
    written: arm({ ...distil, text: byTarget }),
    mixed: arm({
      ...distil,
      text: mixture({
        own: { weight: 1, text: taskText() },
        other: { weight: 9, text: written({ by: "target", prompts: 12 }) },
      }),
    }),
  },
  seeds: [1],
}

for (const letters of [12, 4])
  for (const n of [1, 3])
    test(`a limit of ${n} with a task of ${letters} examples: every draft has its figures`, async () => {
      const few = letters < 6 ? { measure: { ...experiment.measure!, prompts: letters } } : {}
      const short = limited({ ...experiment, ...few, task: echo({ letters }) }, n)
      const { record } = await Effect.runPromise(
        Effect.flatMap(resolve(short), (r) =>
          runDistillation(r, { slug: "000-tiny", results: join(home, "results") }),
        ).pipe(Effect.provide(layers)),
      )
      expect(record.missing).toEqual([])
      expect(record.rows.map(({ name }) => name)).toEqual(expect.arrayContaining(["chosen", "written", "mixed"]))
    })

/** The training text of an arm. */
const textOf = async (text: ReturnType<typeof written>) => {
  const arms = { mine: arm({ ...distil, text }) }
  const target = fresh(tinyModel(16), { steps: 1, batchSize: 2, optimizer: { warmup: 1 } })
  return Effect.runPromise(
    Effect.gen(function* () {
      const r = yield* resolve({ ...experiment, target, arms })
      const { measured } = yield* buildGraph(r, yield* readTexts(r))
      const stage = inOrder([measured.find(({ name }) => name === "mine")!.trained]).find(
        ({ kind }) => kind === "text",
      )!
      const artifacts = yield* runStages([stage], { versions: {} })
      return yield* readSplit(artifacts.get(stage.key)!, "train")
    }).pipe(Effect.provide(layers)),
  )
}

test("a text that keeps all has one example a prompt, ended or cut, none longer than a sequence", async () => {
  const { examples, source } = await textOf(written({ by: "target", temperature: 1, keep: "all" }))
  expect(Array.from(source)).toEqual(Array.from({ length: 12 }, (_, i) => i))
  expect(examples.some(({ ids }) => ids.at(-1) !== byteTokenizer.eosId)).toBe(true)
  for (const { ids, promptLength } of examples) {
    expect(ids.length).toBeLessThanOrEqual(16)
    expect(ids.length).toBeGreaterThan(promptLength)
  }
  const cut = await textOf(written({ by: "target", temperature: 1, keep: "all", maxNew: 3 }))
  expect(cut.examples.every(({ ids, promptLength }) => ids.length <= promptLength + 3)).toBe(true)
  expect(cut.examples).toHaveLength(12)
})
