import { expect, test } from "bun:test"
import { Effect } from "effect"
import { behind, everything, squares, tiny, tinyModel } from "../../test/tiny.ts"
import { arm } from "./define.ts"
import { limited } from "./limit.ts"
import { resolve } from "./resolve.ts"
import { applySettings } from "./settings.ts"
import { fresh } from "./start.ts"
import { mixture, taskText, written } from "./text.ts"

const resolved = (...settings: ReadonlyArray<string>) =>
  Effect.runPromise(Effect.flatMap(applySettings(tiny, settings), (e) => resolve(e)))
const refusal = (...settings: ReadonlyArray<string>) =>
  Effect.runPromise(Effect.flip(Effect.flatMap(applySettings(tiny, settings), (e) => resolve(e))))

test("a list of values makes an arm of each in the place of the one", async () => {
  const { arms } = await resolved("arms.behind.filter.k=0.2,0.4,1")
  expect(arms.map(({ name }) => name)).toEqual(["all", "behind-k-0-2", "behind-k-0-4", "behind-k-1"])
  const ks = arms.map(({ config }) => (config["filter"] as { options: { k?: number } }).options.k)
  expect(ks).toEqual([undefined, 0.2, 0.4, 1])
  const rates = await resolved("arms.all.optimizer.learningRate=0.1,1e-3", "arms.all-learningrate-0-1.steps=3")
  expect(rates.arms.map(({ name, steps }) => [name, steps])).toEqual([
    ["all-learningrate-0-1", 3],
    ["all-learningrate-1e-3", 6],
    ["behind", 6],
  ])
})

test("lists of other settings, and texts with commas, are single values", async () => {
  expect((await resolved("seeds=[3,4]")).seeds).toEqual([3, 4])
  expect((await refusal("seeds=3,4")).message).toContain("seeds must be an array")
  expect((await refusal("arms.behind.filter.k=0.2,0.2")).message).toContain("would make two arms behind-k-0-2")
  const taken = { ...tiny, arms: { ...tiny.arms, "behind-k-0-4": tiny.arms["all"]! } }
  expect(
    (await Effect.runPromise(Effect.flip(applySettings(taken, ["arms.behind.filter.k=0.2,0.4"])))).message,
  ).toContain("would make an arm behind-k-0-4, and there is one")
  expect((await refusal("arms.nobody.filter.k=0.2,0.4")).message).toContain("arms has no nobody; it has all, behind")
  expect((await refusal("arms.behind.filter.k=0.2,7")).message).toMatch(/arms\.behind-k-7\.filter\.k=7.*k must be/)
})

test("a limit cuts every training, measurement and text, and leaves smaller numbers", async () => {
  const whole = { ...tiny, measure: { ...tiny.measure, prompts: 6, maxNew: 4000 }, seeds: [7, 8] }
  const { arms, target, draft, measure, seeds } = await Effect.runPromise(resolve(limited(whole, 2)))
  expect(arms.map(({ steps, optimizer }) => [steps, optimizer.warmup])).toEqual([
    [2, 1],
    [2, 1],
  ])
  expect(target).toMatchObject({ pretraining: { steps: 2, batchSize: 8, optimizer: { warmup: 1 } } })
  expect(draft.start).toMatchObject({ pretraining: { steps: 2 } })
  expect(measure).toMatchObject({ prompts: 2, maxNew: 32, timedPrompts: 1, gammas: [1, 2] })
  expect(seeds).toEqual([7])
  expect((await Effect.runPromise(resolve(limited(tiny, 1000)))).arms[0]!.steps).toBe(6)
})

test("a limit cuts the values of a search, and written texts to two of any length", async () => {
  const over = { steps: [3, 100, 200], "filter.k": [0.5, 1], "optimizer.warmup": [50, 60] }
  const one = { filter: everything(), loss: squares(), steps: 6, batchSize: 4 }
  const text = written({ by: "target", prompts: 500, maxNew: 400 })
  const experiment = {
    ...tiny,
    arms: {
      all: arm({ ...one, text: written({ by: "target" }) }),
      mixed: arm({ ...one, text: mixture({ own: { weight: 1, text: taskText() }, other: { weight: 1, text } }) }),
      behind: arm({ ...one, filter: behind(), reference: fresh(tinyModel(8)) }),
    },
    sweep: { over, prompts: 40, seeds: [7, 8] },
  }
  const short = limited(experiment, 5)
  expect(short.sweep).toEqual({ over: { steps: [3, 5], "filter.k": [0.5, 1] }, prompts: 5, seed: 7 })
  const { arms } = await Effect.runPromise(resolve(short))
  expect(arms[0]!.text).toMatchObject({ kind: "written", prompts: 2, maxNew: 32, keep: "all" })
  expect(arms[1]!.text).toMatchObject({ parts: { other: { text: { prompts: 2, maxNew: 32, keep: "all" } } } })
  expect(limited({ ...experiment, sweep: { over: { steps: [100, 200] } } }, 5).sweep).toBeUndefined()
})
