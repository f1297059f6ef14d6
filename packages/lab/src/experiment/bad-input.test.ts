/**
 * Refusals before any work, by place of an experiment: the message names the place, the found value and the expected
 * one.
 */
import { describe, expect, test } from "bun:test"
import { both, linear, pieces, schedule, shuffled } from "@winnow/core"
import { randomExamples } from "@winnow/filter-random-examples"
import { medusa } from "@winnow/head-medusa"
import { accuracy } from "@winnow/measure-accuracy"
import { masked } from "@winnow/objective-masked"
import { nextToken } from "@winnow/objective-next-token"
import { ngram } from "@winnow/proposer-ngram"
import { perplexity } from "@winnow/score-perplexity"
import { Effect } from "effect"
import { behind, echo, everything, squares, tiny, tinyModel } from "../../test/tiny.ts"
import { proposing } from "../study/proposing.ts"
import { ranking } from "../study/ranking.ts"
import { arm, type Experiment } from "./define.ts"
import { resolve } from "./resolve.ts"
import { checkpoint, distilled, ema } from "./spec.ts"
import { artifactOf, folder, fresh, head, layersOf } from "./start.ts"
import { mixture, taskText, written } from "./text.ts"

const budget = { steps: 6, batchSize: 4, optimizer: { warmup: 2 } }
const distil = { filter: everything(), loss: squares(), ...budget }

/** The experiment with an arm `mine` of any settings. */
const inArm = (settings: object): unknown => ({
  ...tiny,
  arms: { ...tiny.arms, mine: arm({ ...distil, ...settings } as never) },
})
const inExperiment = (settings: object): unknown => ({ ...tiny, ...settings })
const inSweep = (over: unknown): unknown => inExperiment({ sweep: { over, prompts: 6 } })

const refusedWith = async (experiment: unknown) => {
  const error = await Effect.runPromise(Effect.flip(resolve(experiment as Experiment)))
  expect(error._tag).toBe("InvalidInput")
  return error.message
}

/** Each with its content, and a part of the message. */
const places: Readonly<Record<string, ReadonlyArray<readonly [unknown, string]>>> = {
  start: [
    [inArm({ start: 3 }), "arms.mine: start must be an object (was the number 3)"],
    [inArm({ start: null }), "arms.mine: start must be an object (was null)"],
    [
      inArm({ start: { kind: "none" } }),
      'start.kind must be "arm", "head", "draft", "folder", "fresh", "layers", "reference", "resized", "tuned" or "untrained"',
    ],
    [inArm({ start: layersOf("target", []) }), "start.layers must be non-empty"],
    [inArm({ start: layersOf("target", [1, 0]) }), "start.layers must be numbers of layers in ascending order"],
    [inArm({ start: folder("") }), "start.path must be non-empty"],
    [inArm({ start: { kind: "fresh", model: tinyModel } }), "start.model must be a model plugin with its options"],
    [inArm({ start: fresh(tinyModel(8), { ...budget, steps: 0 }) }), "start.pretraining.steps must be at least 1"],
    [inArm({ start: fresh(tinyModel(7), budget) }), "num_attention_heads 2 divides hidden_size 7"],
    [inArm({ start: artifactOf({ arm: "nobody" }) }), "it begins with arm 'nobody', which is not one of the arms"],
    [inArm({ start: artifactOf({ arm: "mine" }) }), "which begins with this one in the end"],
    [
      inArm({ start: artifactOf("reference"), reference: ema({ decay: 0.9 }) }),
      "it begins with the reference, and reference average is no trained model",
    ],
    [
      inArm({ start: head(medusa as never) }),
      "start.head must be a head plugin with its options: call it, medusa({ ... })",
    ],
    [inArm({ start: head(squares() as never) }), "start.head must be a head plugin with its options (was a loss)"],
    [inArm({ start: { ...head(medusa()), pretraining: budget } }), "start.pretraining must be left out"],
    [
      inArm({ start: head(medusa.use({ further: 2 })) }),
      "head medusa: further must be removed; there are bias, blocks, decay, heads, layer, vocabulary",
    ],
    [
      inExperiment({ target: layersOf("target", [0]) }),
      'target.kind must be "folder", "fresh" or "tuned" (was "layers")',
    ],
  ],
  text: [
    [inArm({ text: "task" }), 'text must be an object (was the string "task")'],
    [inArm({ text: written({ by: "judge" as never }) }), 'text.by must be "draft", "start" or "target" (was "judge")'],
    [inArm({ text: written({ by: "target", temperature: -1 }) }), "text.temperature must be"],
    [
      inArm({ text: written({ by: "target", topK: 5 }) }),
      "text.topK must be left out of greedy text, or beside a temperature (was set)",
    ],
    [inArm({ text: written({ by: "target", seed: 3 }) }), "text.seed must be left out of greedy text"],
    [inArm({ text: written({ by: "target", maxNew: 1 }) }), "text.maxNew must be at least 2 (was 1)"],
    [inArm({ text: written({ by: "target", keep: "some" as never }) }), 'text.keep must be "all" or "ended"'],
    [inArm({ text: written({ by: "target", task: echo as never }) }), "call it, echo({ ... }) (was the plugin itself)"],
    [inArm({ text: mixture({ a: { weight: 1, text: taskText() } }) }), "text.parts must be two parts or more (was 1)"],
    [
      inArm({ text: mixture({ a: { weight: -1, text: taskText() }, b: { weight: 1, text: taskText() } }) }),
      "text.parts.a.weight must be non-negative (was -1)",
    ],
    [
      inArm({ text: mixture({ a: { weight: 0, text: taskText() }, b: { weight: 0, text: taskText() } }) }),
      "text.parts must be one weight above 0 (was 0 of all)",
    ],
    [
      inExperiment({ capacity: arm({ ...distil, start: fresh(tinyModel(8)), text: written({ by: "start" }) }) }),
      "capacity.text: a fresh model has nothing to write before it is trained; give its start a pretraining",
    ],
    [
      inExperiment({
        draft: { start: fresh(tinyModel(8)) },
        capacity: arm({ ...distil, text: written({ by: "start" }) }),
      }),
      "capacity.text: a fresh model has nothing to write",
    ],
    [
      inExperiment({
        target: fresh(tinyModel(8)),
        arms: { mine: arm({ ...distil, text: written({ by: "target" }) }) },
      }),
      "arms.mine.text: a fresh model has nothing to write before it is trained, and the target has no pretraining",
    ],
  ],
  "filter and examples": [
    [inArm({ examples: everything() }), "examples must be an examples plugin with its options (was a filter)"],
    [inArm({ examples: randomExamples({ k: 0 }) }), "examples random-examples: k must be positive"],
    [inArm({ filter: randomExamples({ k: 0.5 }) }), "filter must be a filter plugin with its options"],
    [inArm({ filter: shuffled(everything() as never) }), "of must be a filter that reads a reference"],
    [inArm({ filter: schedule(behind(), {}) }), "move must be at least one option of the filter (was none)"],
    [inArm({ filter: schedule(behind(), { k: pieces() }) }), "move.k.values must be non-empty"],
    [inArm({ filter: schedule(behind(), { k: 1 as never }) }), "move.k must be an object"],
    [
      inArm({ filter: both(behind(), squares() as never) }),
      "of[1] must be a filter plugin with its options (was a loss)",
    ],
    [inArm({ filtre: 1 }), "filtre must be removed; did you mean filter? there are"],
  ],
  reference: [
    [inArm({ filter: behind(), reference: ema({ decay: 1 }) }), "reference.decay must be less than 1 (was 1)"],
    [inArm({ filter: behind(), reference: checkpoint({ every: 0 }) }), "reference.every must be at least 1"],
    [
      inArm({ filter: behind(), reference: distilled({ ...distil, filter: behind() } as never) }),
      "its reference is distilled with filter behind, which needs a reference itself",
    ],
    [
      inArm({ filter: behind(), reference: ema({ decay: 0.9 }), signals: { reference: "cached" } }),
      "so it cannot be computed beforehand; set signals.reference to live",
    ],
  ],
  "objective and trained part": [
    [inArm({ objective: nextToken }), "call it, next-token({ ... }) (was the plugin itself)"],
    [inArm({ objective: masked({ maskId: 0, rate: 2 }) }), "objective masked: rate must be at most 1"],
    [inArm({ objective: masked({ maskId: 0 }), signals: { target: "full" } }), "set signals.target to live"],
    [inArm({ frozen: [] }), "frozen must be non-empty"],
    [inArm({ frozen: ["head", "head"] }), 'frozen must be all different (was ["head","head"])'],
    [inArm({ adapters: { kind: "lora", rank: 0, alpha: 1, on: ["q_proj"] } }), "adapters.rank must be at least 1"],
    [inArm({ adapters: { kind: "private", size: 0 } }), "adapters.size must be at least 1"],
    [
      inArm({ adapters: { kind: "lora", rank: 1, alpha: 1, on: ["q_proj", "q_proj"] } }),
      "adapters.on must be all different",
    ],
    [inArm({ optimizer: { learningrate: 1 } }), "optimizer.learningrate must be removed; did you mean learningRate?"],
  ],
  sweep: [
    [inSweep("k"), "sweep.over must be an object"],
    [inSweep({}), "sweep.over must be"],
    [inSweep({ "a b": [1, 2] }), "paths inside an arm, such as filter.k"],
    [inSweep({ "filter.k": [0.5, 0.5] }), "filter.k with two values or more, all different"],
    [inSweep({ "filter.k": [0.5, Number.NaN] }), "filter.k with values that JSON holds"],
    [
      inSweep({
        steps: Array.from({ length: 40 }, (_, i) => i + 1),
        "filter.k": [0.1, 0.2, 0.3].flatMap((k) => Array.from({ length: 9 }, (_, i) => k + i / 100)),
      }),
      "sweep.over must be at most 1000 points, the product of the values (was 1080)",
    ],
    [inSweep({ filter: [everything(), behind()] }), "plain values (make an arm of each plugin)"],
    [inSweep({ "filter.q": [1, 2] }), "no arm and no reference has a setting filter.q"],
    [inSweep({ "filter.k": [0.5, 2] }), "arms.behind at filter.k 2: filter behind: k must be at most 1"],
    [inSweep({ steps: [3, { computeOf: "all" }] }), "it waits for another arm, and the order of a search is settled"],
    [
      inSweep({ start: [{ kind: "draft" }, { kind: "arm", arm: "behind" }] }),
      "it waits for another arm, and the order of a search is settled",
    ],
  ],
  "study, measures, proposer, services": [
    [inExperiment({ study: ranking }), "call it, ranking({ ... }) (was the plugin itself)"],
    [
      inExperiment({ study: ranking({ scores: { odd: squares() as never } }) }),
      "must be a score plugin with its options",
    ],
    [
      inExperiment({ study: ranking({ scores: { perplexity: perplexity() }, tokens: 1 }) }),
      "study ranking: tokens must be at least 2",
    ],
    [inExperiment({ study: proposing({ proposer: ngram({ longest: 1, shortest: 3 }) }) }), "proposer ngram"],
    [inExperiment({ measures: "accuracy" }), "measures must be an array"],
    [inExperiment({ measures: [squares()] }), "must be a measure plugin with its options (was a loss)"],
    [
      inExperiment({ measures: [accuracy({ objective: nextToken() }), accuracy({ objective: nextToken() })] }),
      "measures must be all different",
    ],
    [inExperiment({ services: [] }), "services must be an object of services by name (was a list)"],
    [inExperiment({ services: { a: squares() } }), "services.a must be a service plugin with its options"],
    [inExperiment({ plugins: [squares()] }), "must be a plugin, not called (was loss squares with its options)"],
  ],
  "the experiment": [
    [undefined, "experiment without a name: must be an object (was undefined)"],
    [inExperiment({ arms: {} }), "arms must be at least one arm (was none)"],
    [inExperiment({ arms: { a: null } }), "arms.a: must be an object (was null)"],
    [inExperiment({ seeds: [1, 1] }), "seeds must be all different"],
    [inExperiment({ measure: { ...tiny.measure, gammas: [1, 1, 2] } }), "measure.gammas must be all different"],
    [inExperiment({ measure: { ...tiny.measure, split: "train" } }), 'measure.split must be "test" or "validation"'],
    [inExperiment({ task: squares() }), "task must be a task plugin with its options (was a loss)"],
    [inExperiment({ tokenizer: { kind: "word" } }), 'tokenizer.kind must be "bpe", "byte" or "file" (was "word")'],
  ],
}

for (const [place, cases] of Object.entries(places))
  describe(place, () => {
    for (const [experiment, message] of cases)
      test(message, async () => expect(await refusedWith(experiment)).toContain(message))
  })

test("an arm that is selected twice is refused", async () => {
  const error = await Effect.runPromise(Effect.flip(resolve(tiny, { arms: ["all", "all"] })))
  expect(error.message).toContain("arm 'all' is selected twice; name it once")
})

test("arms at every point of a search are there for the checks, with the name of the point", async () => {
  const { placed } = await Effect.runPromise(
    resolve({
      ...tiny,
      sweep: { over: { "filter.k": [0.2, 0.5], "optimizer.learningRate": [1e-3, 3e-3] }, prompts: 6 },
    }),
  )
  expect(placed.map(({ at }) => at)).toEqual([
    "arms.all",
    "arms.behind",
    "arms.all at rate 0.001",
    "arms.all at rate 0.003",
    ...["0.2, rate 0.001", "0.2, rate 0.003", "0.5, rate 0.001", "0.5, rate 0.003"].map(
      (k) => `arms.behind at filter.k ${k}`,
    ),
    "arms.behind, its reference at rate 0.001",
    "arms.behind, its reference at rate 0.003",
  ])
})

test("a schedule with an end before its start is refused", async () => {
  const filter = schedule(behind(), { k: linear(1, 0.5, { start: 0.8, end: 0.2 }) })
  expect(await refusedWith(inArm({ filter }))).toContain("a start that is not after the end")
})
