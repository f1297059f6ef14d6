import { expect, test } from "bun:test"
import { defineFilter, defineLoss, type FilterUse, type Reference, shuffled, type Target } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect } from "effect"
import { behind, everything, squares, tiny } from "../../test/tiny.ts"
import { findExperiments, loadExperiment } from "../experiments.ts"
import type { Arm, Experiment } from "./define.ts"
import { resolve } from "./resolve.ts"

/** Keeps every other token: reads no statistic, like a random choice. */
const everyOther = defineFilter({
  name: "every-other",
  needs: [],
  options: type({ "+": "reject", "order?": "'top' | 'bottom'" }),
  make:
    () =>
    ({ N }) =>
      Uint8Array.from({ length: N }, (_, n) => n % 2),
})
const lengths = defineFilter({
  name: "surprising",
  needs: ["draftLoss_N"],
  options: type({ "+": "reject", order: "'top' | 'bottom' = 'top'" }),
  make:
    () =>
    ({ draftLoss_N }) =>
      Uint8Array.from(draftLoss_N, (x) => Number(x > 1)),
})
const absolute = defineLoss({
  name: "absolute",
  target: true,
  options: type({ "+": "reject" }),
  make: () => ({ value: ({ draft, target }) => tf.sum(tf.abs(tf.sub(draft.p_RV(), target.p_RV())), 1) }),
})
const budget = { steps: 6, batchSize: 4, optimizer: { warmup: 2 } }
const of = (filter: FilterUse<Reference | Target>, more: Partial<Arm> = {}): Arm => ({
  ...{ filter, loss: squares(), ...budget },
  ...more,
})
const about = (arms: Experiment["arms"], more: Partial<Experiment> = {}, only?: ReadonlyArray<string>) =>
  Effect.runPromise(
    Effect.map(resolve({ ...tiny, arms, ...more }, only === undefined ? {} : { arms: only }), (r) => [
      r.about,
      r.config["about"],
      r.primary,
    ]),
  )

const all = of(everything())
const random = of(everyOther())
const bottom = of(lengths({ order: "bottom" }))
const placebo = of(shuffled(behind({ k: 0.5 })))
const chosen = of(behind({ k: 0.5 }))

test("an arm named by its author is taken unchanged, and the config has it", async () => {
  expect(await about({ all, random, chosen }, { about: "random", primary: "expected" })).toEqual([
    "random",
    "random",
    "expected",
  ])
  expect(await about({ all, random, chosen })).toEqual(["chosen", undefined, "greedy"])
})

test("by default it is the first arm that reads its tokens and is no control, never a control", async () => {
  expect((await about({ all, random, bottom, placebo, chosen }))[0]).toBe("chosen")
  expect((await about({ all, random, bottom, placebo, top: of(lengths()) }))[0]).toBe("top")
  expect((await about({ all, random, bottom, placebo }))[0]).toBeUndefined()
  expect((await about({ all, longer: of(everything(), { steps: 9 }) }))[0]).toBeUndefined()
})

test("where only losses differ, it is the first with another loss than the baseline's", async () => {
  const other = of(everything(), { loss: absolute() })
  expect((await about({ all, random, other }))[0]).toBe("other")
})

test("an arm that is named and not run has no figure to be about; one that there is not is refused", async () => {
  expect(await about({ all, random, chosen }, { about: "random" }, ["all", "chosen"])).toEqual([
    "chosen",
    undefined,
    "greedy",
  ])
  const refused = Effect.runPromise(Effect.flip(resolve({ ...tiny, arms: { all, chosen }, about: "adaspecc" })))
  expect((await refused).message).toContain("one of the arms: all, chosen")
})

test("the baseline is named by the author: one arm, or several and a search; others are refused, one not run is left out", async () => {
  const against = async (more: Partial<Experiment>, only?: ReadonlyArray<string>) => {
    const options = only === undefined ? {} : { arms: only }
    const { against, config } = await Effect.runPromise(
      resolve({ ...tiny, arms: { all, random, chosen }, ...more }, options),
    )
    return [against, config["against"]]
  }
  const sweep = { over: { "optimizer.learningRate": [1e-3, 1e-2] }, prompts: 3 }
  expect(await against({})).toEqual([[], undefined])
  expect(await against({ against: "random" })).toEqual([["random"], ["random"]])
  expect(await against({ against: ["all", "random"], sweep })).toEqual([
    ["all", "random"],
    ["all", "random"],
  ])
  expect(await against({ against: ["all", "random"], sweep }, ["random", "chosen"])).toEqual([["random"], ["random"]])
  const refused = async (more: Partial<Experiment>) =>
    (
      await Effect.runPromise(
        Effect.flip(resolve({ ...tiny, arms: { all, random, chosen }, about: "chosen", ...more })),
      )
    ).message
  expect(await refused({ against: "chosen" })).toContain("arms other than the one that the run is about: all, random")
  expect(await refused({ against: "alll" })).toContain("against")
  expect(await refused({ against: ["all", "all"], sweep })).toContain("each arm once")
  expect(await refused({ against: ["all", "random"] })).toContain("one arm, or a sweep")
})

test("the distillations of this repository name theirs", async () => {
  for (const found of findExperiments())
    for (const { experiment } of await Effect.runPromise(loadExperiment(found)))
      if (experiment.study === undefined)
        expect(Object.keys(experiment.arms), found.slug).toContain(experiment.about as string)
})
