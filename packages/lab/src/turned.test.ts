/** Arms with both attentions from one start: trained, crossed, and measured by both of their questions. */
import { beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { accuracy } from "@winnow/measure-accuracy"
import { exactAnswers } from "@winnow/measure-exact-answers"
import { modernbert, modernbertDecoder } from "@winnow/model-modernbert"
import { readArchitecture } from "@winnow/models"
import { masked } from "@winnow/objective-masked"
import { nextToken } from "@winnow/objective-next-token"
import { Effect } from "effect"
import { graphOf } from "../test/graph.ts"
import { maskedExperiment } from "../test/masked-experiment.ts"
import { runLayers } from "../test/run-layers.ts"
import { everything, tiny } from "../test/tiny.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { artifactOf, fresh } from "./experiment/start.ts"
import { knownFamilies } from "./families.ts"
import { type MeasuresRecord, measuresRecord } from "./record/measures-schema.ts"
import { runExperiment } from "./run.ts"
import { inOrder, type Stage } from "./stage.ts"
import type { TableFigure } from "./study/table.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-turned-"))
const sizes = {
  ...{ vocab_size: 320, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 2 },
  ...{ max_position_embeddings: 32, initializer_range: 0.1 },
}
const small = modernbert(sizes)
const objective = masked({ maskId: 257 })
const budget = { steps: 60, batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 } }
const own = { filter: everything(), loss: crossEntropy() }

const both: Experiment = {
  ...maskedExperiment,
  about: "decoder",
  target: fresh(small),
  draft: { start: fresh(small) },
  arms: {
    encoder: arm({ ...own, ...budget, objective }),
    decoder: arm({ ...own, ...budget, start: artifactOf("draft", { turned: true }) }),
    "encoder-from-decoder": arm({
      ...{ ...own, ...budget, steps: 20, start: artifactOf({ arm: "decoder" }, { turned: true }) },
      objective: masked({ maskId: 257, by: "before" }),
    }),
    "decoder-from-encoder": arm({
      ...{ ...own, ...budget, steps: 20 },
      start: artifactOf({ arm: "encoder" }, { turned: true }),
    }),
  },
  measures: [accuracy({ objective }), accuracy({ objective: nextToken() }), exactAnswers()],
  seeds: [1],
  plugins: [everything, modernbert],
}

const refusal = async (experiment: Experiment) =>
  (await Effect.runPromise(Effect.flip(Effect.flatMap(resolve(experiment), (r) => graphOf(r))))).message

let record: MeasuresRecord
beforeAll(async () => {
  const run = Effect.flatMap(resolve(both), (r) =>
    runExperiment(r, { slug: "000-turned", results: join(home, "results") }),
  )
  const { directory } = await Effect.runPromise(Effect.provide(run, runLayers(home)))
  record = measuresRecord.assert(JSON.parse(readFileSync(join(directory, "run.json"), "utf8")))
})

const figureOf = (row: string, column: string) =>
  (record.tables[0]!.rows.find(({ name }) => name === row)!.cells[column] as TableFigure).value!

test("each question is asked of each arm: the model is turned where it needs the other attention", () => {
  expect(record.missing).toEqual([])
  expect(record.tables[0]!.columns.map(({ key }) => key)).toEqual([
    "accuracy masked",
    "accuracy next-token",
    "exact-answers",
  ])
  const names = ["start", "encoder", "decoder", "encoder-from-decoder", "decoder-from-encoder"]
  expect(record.tables[0]!.rows.map(({ name }) => name)).toEqual(names)
  // an encoder that saw the answer would be right at every token of it
  expect(figureOf("encoder", "exact-answers")).toBeLessThan(0.5)
  expect(figureOf("decoder", "accuracy next-token")).toBeGreaterThan(figureOf("encoder", "accuracy next-token"))
  expect(figureOf("encoder", "accuracy masked")).toBeGreaterThan(figureOf("decoder", "accuracy masked") + 0.1)
  expect(figureOf("decoder-from-encoder", "accuracy next-token")).toBeGreaterThan(
    figureOf("encoder", "accuracy next-token"),
  )
})

test("both arms begin with the tensors of one start, and each saves the layout of its own class", async () => {
  const { measured } = await Effect.runPromise(Effect.flatMap(resolve(both), (r) => graphOf(r)))
  const of = (name: string) => measured.find((one) => one.name === name)!
  const [start] = [of("start").trained]
  expect(of("encoder").start!.key).toBe(start!.key)
  expect(of("decoder").start!.inputs.map(({ key }) => key)).toEqual([start!.key])
  const families = await Effect.runPromise(knownFamilies)
  const typeOf = async (stage: Stage) => {
    const folder = join(home, "artifacts", stage.kind, stage.key)
    return (await Effect.runPromise(readArchitecture(folder, families))).config["architectures"]
  }
  expect(await typeOf(of("encoder").trained)).toEqual(["ModernBertForMaskedLM"])
  expect(await typeOf(of("decoder-from-encoder").trained)).toEqual(["ModernBertDecoderForCausalLM"])
  // three questions, two of them of the decoder: one turned encoder for both
  const asked = of("encoder").more.map(({ inputs: [model] }) => model!.key)
  expect(new Set(asked).size).toBe(2)
  expect(asked[0]).toBe(of("encoder").trained.key)
  expect(inOrder(of("decoder").more).filter(({ label }) => label === "decoder turned, seed 1")).toHaveLength(1)
})

test("models that cannot be turned, or would decode as an encoder, are refused with the reason", async () => {
  const llamas = { ...tiny, arms: { all: arm({ ...own, ...budget, start: artifactOf("draft", { turned: true }) }) } }
  expect(await refusal(llamas as Experiment)).toContain(
    "no family has the layers of llama with the other attention; take one that has, such as modernbert",
  )
  const encoder = { ...both.arms["decoder"]!, start: artifactOf({ arm: "encoder" }) }
  const { encoder: first } = both.arms
  expect(await refusal({ ...both, about: "encoder2", arms: { encoder: first!, encoder2: encoder } })).toContain(
    "arms.encoder2: modernbert attends both ways and sees the tokens that objective next-token asks for",
  )
  const { measures: _, ...decoding } = both
  const { decoder } = both.arms as { readonly decoder: Experiment["arms"][string] }
  const crossed = { ...own, ...budget, objective, start: artifactOf({ arm: "decoder" }, { turned: true } as const) }
  const startOfDecoder = fresh(small, undefined, { turned: true })
  const refused = await refusal({
    ...{
      ...decoding,
      about: "decoder",
      target: fresh(modernbertDecoder(sizes), budget),
      draft: { start: startOfDecoder },
    },
    arms: { decoder: { ...decoder, start: artifactOf("draft") }, crossed: arm(crossed) },
  })
  expect(refused).toContain("arms.crossed: its start is turned into modernbert, which attends both ways")
})
