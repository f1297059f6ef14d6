/** The study `layers`: scores of the target's layers beside what heads on them reach, without acceptance. */
import { beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineTask } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { medusa } from "@winnow/head-medusa"
import { linePosition, mlp, tokenKind } from "@winnow/head-mlp"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { accuracy } from "@winnow/measure-accuracy"
import { agreement } from "@winnow/measure-agreement"
import { llama } from "@winnow/model-llama"
import { wholeText } from "@winnow/objective-whole-text"
import { knn } from "@winnow/score-knn"
import { logitLens } from "@winnow/score-logit-lens"
import { size } from "@winnow/score-size"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { everything, tiny } from "../../test/tiny.ts"
import { arm, defineExperiment, type Experiment } from "../experiment/define.ts"
import { resolve } from "../experiment/resolve.ts"
import { fresh, head } from "../experiment/start.ts"
import { Progress } from "../progress.ts"
import { type MeasuresRecord, measuresRecord } from "../record/measures-schema.ts"
import { type Finished, runExperiment } from "../run.ts"
import { Store } from "../store/store.ts"
import { layers } from "./layers.ts"
import { scoresAlone } from "./scores-alone.ts"
import type { TableFigure } from "./table.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-layers-"))

/** Letters that a digit follows where the letter before was "a": the next kind depends on two tokens back. */
const pairs = defineTask({
  name: "pairs",
  options: type({ "+": "reject" }),
  make: () => {
    const examples = Array.from({ length: 64 }, (_, i) => {
      const bits = [1, 2, 4, 8, 16, 32].map((bit) => (i & bit) > 0)
      return { prompt: "a:", answer: bits.map((is) => (is ? "ab7" : "cb.")).join("") }
    })
    return Effect.succeed({ examples: () => examples, sharesPrompts: true })
  },
})

const training = { batchSize: 16, optimizer: { learningRate: 0.01, warmup: 5 }, steps: 60 }
const objective = wholeText()
const onLayer = (variable: Parameters<typeof mlp>[0]["variable"], layer: number | "last") =>
  arm({
    ...{ ...training, filter: everything(), loss: crossEntropy(), objective },
    start: head(mlp({ variable, layer, layers: 1, width: 16, bins: 4 })),
  })

const experiment = defineExperiment({
  name: "layers",
  question: "Which layer?",
  task: pairs(),
  tokenizer: tiny.tokenizer,
  maxLength: 24,
  target: fresh(
    llama({
      ...{ vocab_size: 257, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2 },
      max_position_embeddings: 32,
    }),
    { ...training, steps: 150, objective },
  ),
  draft: { start: head(mlp({ variable: tokenKind(), layers: 0 })) },
  arms: {
    "kind-0": onLayer(tokenKind(), 0),
    "kind-1": onLayer(tokenKind(), 1),
    "kind-2": onLayer(tokenKind(), "last"),
    "line-0": onLayer(linePosition({ longest: 24 }), 0),
    "line-2": onLayer(linePosition({ longest: 24 }), "last"),
  },
  seeds: [1],
  measures: [accuracy({ objective })],
  study: layers({ scores: { knn: knn(), lens: logitLens() }, reached: accuracy({ objective }), perClass: 16 }),
  measure: { prompts: 20 },
  plugins: [mlp, llama, pairs],
})

const provided = <A, E>(effect: Effect.Effect<A, E, never>) => Effect.runPromise(effect)
const servicesOf = Layer.merge(datasetsLayer({ folder: undefined }), Store.layer(home))
const run = (of: Experiment) =>
  provided(
    Effect.flatMap(resolve(of), (r) => runExperiment(r, { slug: "000-layers", results: join(home, "results") })).pipe(
      Effect.provide(servicesOf),
      Effect.provideService(Progress, { report: () => {} }),
    ),
  )

let whole: Finished
let record: MeasuresRecord
beforeAll(async () => {
  whole = await run(experiment)
  record = measuresRecord.assert(JSON.parse(readFileSync(join(whole.directory, "run.json"), "utf8")))
})

const table = (name: string) => record.tables.find((one) => one.name === name)!
const figureOf = (name: string, row: string, key: string) =>
  (table(name).rows.find((one) => one.name === row)!.cells[key] as TableFigure).value!

test("the tables of the study come before those of the measures, by head and by layer", () => {
  expect(record.study).toBe("layers")
  const names = record.tables.map(({ name }) => name)
  expect(names.slice(0, 5)).toEqual(["scores", "by-head", "layers-token-kind", "layers-line-position", "measures"])
  expect(table("scores").rows.map(({ name }) => name)).toEqual(["knn", "lens", "depth"])
  expect(table("layers-token-kind").rows.map(({ name }) => name)).toEqual(["0", "1", "2"])
  expect(table("layers-line-position").rows.map(({ name }) => name)).toEqual(["0", "2"])
  expect(record.verdict).toMatch(
    /^knn has Kendall's tau .* with the accuracy reached, depth has .*; 2 heads on 3 layers, 1 seed/,
  )
})

test("a layer that has read two tokens reaches more than the embedding, which separability and the lens tell", () => {
  const [embedding, last] = ["0", "2"].map((layer) => figureOf("layers-token-kind", layer, "reached"))
  expect(last!).toBeGreaterThan(embedding! + 0.05)
  expect(figureOf("layers-token-kind", "2", "knn")).toBeGreaterThan(figureOf("layers-token-kind", "0", "knn"))
  expect(figureOf("layers-token-kind", "2", "lens")).toBe(1)
  expect(figureOf("layers-token-kind", "0", "lens")).toBeLessThan(0.9)
  expect(figureOf("by-head", "token-kind", "depth")).toBeGreaterThan(0.5)
  // The control's first layer is the last one.
  const lines = ["0", "2"].map((layer) => figureOf("layers-line-position", layer, "reached"))
  expect(figureOf("scores", "depth", "short")).toBeCloseTo((Math.max(...lines) - lines[1]! + 0) / 2, 9)
})

test("again, nothing is computed and the record stays", async () => {
  const again = await run(experiment)
  expect([again.computed, again.directory]).toEqual([0, whole.directory])
  expect(JSON.parse(readFileSync(join(again.directory, "run.json"), "utf8"))).toEqual(
    JSON.parse(JSON.stringify(record)),
  )
})

test("scores alone train no head", async () => {
  const tables = await provided(
    Effect.flatMap(resolve(experiment), scoresAlone).pipe(
      Effect.provide(servicesOf),
      Effect.provideService(Progress, { report: () => {} }),
    ),
  )
  expect(tables.map(({ name }) => name)).toEqual(["layers-token-kind", "layers-line-position"])
  expect(tables[0]!.columns.map(({ key }) => key)).toEqual(["knn", "lens"])
})

test("draft heads on each layer are a group, by the target's tokens: what they reach is their agreement with it", async () => {
  const distilled = (layer: number | "last") =>
    arm({
      ...{ ...training, filter: everything(), loss: kl(), objective },
      start: head(medusa({ heads: 1, layer, vocabulary: "target" })),
    })
  const { directory } = await run({
    ...experiment,
    draft: { start: head(medusa({ heads: 1 })) },
    arms: { "medusa-0": distilled(0), "medusa-2": distilled("last") },
    study: layers({ scores: { knn: knn() }, reached: agreement({ objective }), perClass: 16 }),
    measures: [agreement({ objective })],
  })
  const { tables } = measuresRecord.assert(JSON.parse(readFileSync(join(directory, "run.json"), "utf8")))
  const { rows } = tables.find(({ name }) => name === "layers-medusa")!
  expect(rows.map(({ name }) => name)).toEqual(["0", "2"])
  const reached = rows.map(({ cells }) => (cells["reached"] as TableFigure).value!)
  const measured = tables.find(({ name }) => name === "measures")!.rows.filter(({ name }) => name.startsWith("medusa"))
  expect(measured.map(({ cells }) => (cells["agreement"] as TableFigure).value!)).toEqual(reached)
  for (const value of reached) expect(value).toBeGreaterThan(0.6)
})

test("arms without a head, a head on one layer, a score of no layer, a run without figures: refused before any work", async () => {
  const refused = (of: Experiment) =>
    run(of).then(
      () => "it ran",
      (error: Error) => error.message,
    )
  const { study: _, ...rest } = experiment
  const plain = fresh(llama({ vocab_size: 257, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 }))
  const model = arm({ ...training, filter: everything(), loss: crossEntropy(), objective, start: plain })
  expect(await refused({ ...experiment, arms: { ...experiment.arms, model } })).toContain(
    "arm model begins with a model",
  )
  expect(await refused({ ...experiment, arms: { one: onLayer(tokenKind(), 1) } })).toContain(
    "token-kind is on one layer alone (1); give it an arm for each layer",
  )
  expect(
    await refused({ ...rest, study: layers({ scores: { size: size() }, reached: accuracy({ objective }) }) }),
  ).toContain("scores.size reads no states of a layer")
})
