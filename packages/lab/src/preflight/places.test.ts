/** Every training of an experiment is checked before any work: those at the points of a search and the capacity run too. */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { accuracy } from "@winnow/measure-accuracy"
import { llama } from "@winnow/model-llama"
import { initialise, saveModel } from "@winnow/models"
import { masked } from "@winnow/objective-masked"
import { Effect, Layer } from "effect"
import { everything, squares, tiny } from "../../test/tiny.ts"
import { plan } from "../estimate.ts"
import { arm, type Experiment } from "../experiment/define.ts"
import { resolve } from "../experiment/resolve.ts"
import { applySettings } from "../experiment/settings.ts"
import { fresh } from "../experiment/start.ts"
import { mixture, taskText, written } from "../experiment/text.ts"
import { Store } from "../store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-places-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }))
const refused = async (experiment: Experiment, ...settings: ReadonlyArray<string>) => {
  const planned = Effect.flatMap(applySettings(experiment, settings), (e) => Effect.flatMap(resolve(e), plan))
  const error = await Effect.runPromise(Effect.flip(planned).pipe(Effect.provide(layers)))
  expect(error._tag).toBe("InvalidInput")
  return error.message
}
const distil = { filter: everything(), loss: squares(), steps: 6, batchSize: 4, optimizer: { warmup: 2 } }
/** A model that reads fewer tokens than a sequence has. */
const short = llama({
  vocab_size: 257,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  max_position_embeddings: 15,
})
const swept = (over: Record<string, Array<unknown>>, more: Partial<Experiment> = {}): Experiment => ({
  ...tiny,
  ...more,
  sweep: { over: over as never, prompts: 6 },
})

test("a batch of a search, or of the capacity run, that no memory holds", async () => {
  const tooLarge = /its largest training takes about [\d,]+ GB of memory/
  expect(await refused(swept({ batchSize: [4, 1e12] }))).toMatch(tooLarge)
  expect(await refused({ ...tiny, capacity: arm({ ...distil, batchSize: 1e12 }) })).toMatch(tooLarge)
})

test("a model that cannot read the text that is written for it, as an arm and as a start of a search", async () => {
  const mine = arm({ ...distil, text: written({ by: "target" }) })
  const expected = "reads written text of up to maxLength 16 tokens, its model takes 15; set maxLength to 15 or less"
  const arms = { mine: arm({ ...distil, text: written({ by: "target" }), start: fresh(short) }) }
  expect(await refused({ ...tiny, arms })).toContain(`arms.mine ${expected}`)
  const path = mkdtempSync(join(home, "model-"))
  const model = initialise(await Effect.runPromise(short.instance), 5)
  await Effect.runPromise(saveModel(model, path))
  model.dispose()
  const starts = [{ kind: "draft" }, { kind: "folder", path }]
  expect(await refused(swept({ start: starts }, { arms: { mine } }))).toContain(
    `arms.mine at start {"kind":"folder","path":"${path}"} ${expected}`,
  )
  const inReference = {
    kind: "trained",
    start: fresh(short),
    text: written({ by: "target" }),
    steps: 3,
    batchSize: 4,
  } as const
  expect(await refused({ ...tiny, reference: inReference })).toContain(`the reference of arms.behind ${expected}`)
})

test("layers of the target at a point of a search that it does not have", async () => {
  const layersAt = (layer: number) => ({ kind: "layers", of: "target", layers: [layer] })
  expect(await refused(swept({ start: [layersAt(0), layersAt(7)] }))).toContain("there is no layer 7; the model has 1")
})

test("more prompts to write after than there are, at a place and at a point of a search", async () => {
  const message = "text.prompts is 99, the train split has 12 examples; ask for fewer"
  const text = written({ by: "target", prompts: 5 })
  const arms = { mine: arm({ ...distil, text }) }
  expect(await refused({ ...tiny, arms }, "arms.mine.text.prompts=99")).toContain(`arms.mine.${message}`)
  expect(await refused(swept({ "text.prompts": [5, 99] }, { arms }))).toContain(
    `arms.mine at text.prompts 99.${message}`,
  )
})

test("more examples of a text than there are, also in a part of a mixture", async () => {
  const message = "text.first is 99, the train split has 12 examples; ask for fewer"
  const text = taskText(undefined, { first: 5 })
  expect(await refused({ ...tiny, arms: { mine: arm({ ...distil, text }) } }, "arms.mine.text.first=99")).toContain(
    `arms.mine.${message}`,
  )
  const half = mixture({
    some: { weight: 1, text: taskText(undefined, { first: 99 }) },
    all: { weight: 1, text: taskText() },
  })
  expect(await refused({ ...tiny, arms: { mine: arm({ ...distil, text: half }) } })).toContain(`arms.mine.${message}`)
})

test("an objective with a mask that no model has, in a measure as in a training", async () => {
  const objective = masked({ maskId: 999 })
  expect(await refused({ ...tiny, measures: ["acceptance", accuracy({ objective })] })).toContain(
    "measures, accuracy: objective masked: ids_BT[",
  )
  expect(await refused({ ...tiny, arms: { mine: arm({ ...distil, objective }) } })).toContain(
    "arms.mine: objective masked",
  )
})

test("a search takes a setting that is left out: of arms any, of references those inside of others; plugins are none", async () => {
  const searched = async (over: Record<string, Array<unknown>>) =>
    (await Effect.runPromise(resolve(swept(over)))).placed.map(({ at }) => at).filter((at) => at.includes(" at "))
  expect(await searched({ frozen: [["head"], ["embedding"]] })).toEqual(
    ["all", "behind"].flatMap((name) => [`arms.${name} at frozen ["head"]`, `arms.${name} at frozen ["embedding"]`]),
  )
  expect(await searched({ text: [{ kind: "task" }, { kind: "written", by: "target" }] })).toHaveLength(4)
  // A field inside of one that a reference has is a setting of it too.
  expect(await searched({ "optimizer.average": [0, 0.9] })).toEqual(
    ["arms.all", "arms.behind", "arms.behind, its reference"].flatMap((at) =>
      [0, 0.9].map((value) => `${at} at optimizer.average ${value}`),
    ),
  )
  const noSetting = "no arm and no reference has a setting"
  expect(await refused(swept({ objective: ["next-token", "masked"] }))).toContain(`${noSetting} objective`)
  expect(await refused(swept({ "adapters.rank": [1, 2] }))).toContain(`${noSetting} adapters.rank`)
  expect(await refused(swept({ frozen: [["head"], ["nothing.*"]] }))).toContain('"nothing.*" names no parameter')
})
