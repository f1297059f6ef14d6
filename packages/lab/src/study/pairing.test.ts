/** The study of pairs through the whole lab: one start, two objectives, crossings, measures of both kinds, its tables. */
import { beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineTask, type ObjectiveUse } from "@winnow/core"
import { batches } from "@winnow/data"
import { fineTuned } from "@winnow/measure-fine-tuned"
import { heldOutLoss } from "@winnow/measure-held-out-loss"
import { probe } from "@winnow/measure-probe"
import { retrieval } from "@winnow/measure-retrieval"
import { modernbert } from "@winnow/model-modernbert"
import { seeded } from "@winnow/numerics"
import { masked } from "@winnow/objective-masked"
import { nextToken } from "@winnow/objective-next-token"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { type } from "arktype"
import { Effect } from "effect"
import { graphOf } from "../../test/graph.ts"
import { runLayers } from "../../test/run-layers.ts"
import { echo, tiny } from "../../test/tiny.ts"
import { defineExperiment } from "../experiment/define.ts"
import { resolve } from "../experiment/resolve.ts"
import { fresh } from "../experiment/start.ts"
import { exportModel } from "../export/export-model.ts"
import { type MeasuresRecord, measuresRecord } from "../record/measures-schema.ts"
import { runExperiment } from "../run.ts"
import { summaryOf } from "../runs/entry.ts"
import { readRun } from "../runs/read-run.ts"
import { renderRun } from "../runs/show.ts"
import { houseRoot } from "../store/code/house.ts"
import { renderStudySummary } from "../summary.ts"
import { tableText } from "../table/cells.ts"
import { pairedArms, pairModels } from "./paired-arms.ts"
import { pair } from "./pairing.ts"
import type { TableFigure } from "./table.ts"

/** A labelled task: the answer names the letter that the text begins with. */
const initials = defineTask({
  name: "initials",
  options: type({ "+": "reject" }),
  make: () => {
    const of = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => {
        const c = "abc"[i % 3]!
        return { prompt: `${c}${String.fromCharCode(100 + ((i * 7 + from) % 20))}${from + i}`, answer: c }
      })
    const splits = { train: of(0, 60), validation: of(100, 15), test: of(200, 24) }
    return Effect.succeed({ examples: (split: keyof typeof splits) => splits[split] })
  },
})

const home = mkdtempSync(join(tmpdir(), "winnow-pairing-"))
const size = (hidden_size: number) =>
  modernbert({
    ...{ vocab_size: 320, hidden_size, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 2 },
    ...{ max_position_embeddings: 32, initializer_range: 0.1 },
  })
const mask = (more: object) => masked({ maskId: 257, ...more })
const budget = { batchSize: 8, optimizer: { learningRate: 0.01, warmup: 3, schedule: "decay" as const } }
const small = size(16)
const experiment = defineExperiment({
  name: "pairs",
  question: "Does the study run?",
  task: echo(),
  tokenizer: tiny.tokenizer,
  maxLength: 24,
  target: fresh(small),
  draft: { start: fresh(small) },
  arms: pairedArms({
    sizes: { nano: small },
    training: { steps: 40, ...budget },
    masked: mask({
      rate: {
        phases: [
          { until: 0.8, rate: 0.3 },
          { until: 1, rate: 0.15 },
        ],
      },
    }),
    further: { steps: 10, ...budget },
    furtherMasked: mask({ rate: 0.15 }),
    crossedMasked: mask({ rate: 0.15, by: "before" }),
    predictions: 0.3,
  }),
  seeds: [1, 2],
  study: pair({ sizes: ["nano"] }),
  measures: [
    probe({ task: initials() }),
    fineTuned({ task: initials(), steps: 5 }),
    retrieval({ task: initials() }),
    heldOutLoss({ objective: nextToken() }),
    heldOutLoss({ objective: mask({ rate: 0.15, mask: 1, random: 0, keep: 0 }) }),
  ],
  measure: { prompts: 8 },
  plugins: [modernbert],
})
const run = (of = experiment) =>
  Effect.flatMap(resolve(of), (r) => runExperiment(r, { slug: "000-pairs", results: join(home, "results") })).pipe(
    Effect.provide(runLayers(home)),
  )

let directory: string
let record: MeasuresRecord
let tensors: number
beforeAll(async () => {
  ;({ directory } = await Effect.runPromise(run()))
  tensors = tf.memory().numTensors
  record = measuresRecord.assert(JSON.parse(readFileSync(join(directory, "run.json"), "utf8")))
})

const tableOf = (name: string) => record.tables.find((table) => table.name === name)!

test("its tables lead the record: four ways, crossings, before; the run's own follow", () => {
  expect(record).toMatchObject({ study: "pair", missing: [], seeds: [1, 2] })
  const keys = ["probe", "fine-tuned", "retrieval", "held-out-loss-next-token", "held-out-loss-masked"]
  expect(record.tables.map(({ name }) => name)).toEqual([
    ...["four", "crossings", "before"].flatMap((of) => keys.map((key) => `${of}-${key}`)),
    ...["measures", "differences", "cost"],
  ])
  const names = [...pairModels, "decoder-fewer"].map((model) => `nano-${model}`)
  expect(tableOf("measures").rows.map(({ name }) => name)).toEqual(["start", ...names])
  const cell = (table: string, column: string) => tableOf(table).rows[0]!.cells[column] as TableFigure
  const own = tableOf("measures").rows.find(({ name }) => name === "nano-encoder-more")!.cells["probe"]
  expect(cell("four-probe", "encoder-more")).toEqual(own as TableFigure)
  const minus = cell("crossings-held-out-loss-next-token", "decoders").value!
  const [crossed, more] = [
    cell("four-held-out-loss-next-token", "decoder-from-encoder"),
    cell("four-held-out-loss-next-token", "decoder-more"),
  ]
  expect(minus).toBeCloseTo(crossed.value! - more.value!, 10)
  // the order of the columns: encoder minus decoder, whatever the order of the arms
  const worth = cell("crossings-probe", "own").value!
  expect(worth).toBeCloseTo(cell("four-probe", "encoder-more").value! - cell("four-probe", "decoder-more").value!, 10)
  // trained on the next token, and asked for it
  expect(cell("four-held-out-loss-next-token", "decoder-more").value!).toBeLessThan(
    cell("four-held-out-loss-next-token", "encoder-more").value!,
  )
  expect(record.verdict).toMatch(
    /^Verdict: encoder minus decoder, probe: two seeds: no comparison at nano; decoder from encoder minus decoder, held-out-loss next-token: two seeds: no comparison at nano; 2 seeds, this (data|target)\.$/,
  )
  // the arms' own verdict would be of a pair that the study leaves out
  expect(record.conclusions.filter((text) => text.includes("No verdict"))).toEqual([])
  expect(record.conclusions.join("\n")).not.toContain("the comparison that the experiment names")
  for (const { name, rows } of record.tables) expect([name, rows.length > 0]).toEqual([name, true])
  // of 21 pairs of arms only those that the study compares
  expect(new Set(record.arms.differences.map(({ a, b }) => `${a} ${b}`)).size).toBe(3)
  const recheck = Bun.spawnSync(["python3", join(houseRoot, "docs/recheck.py"), directory])
  expect(recheck.stdout.toString()).toContain("0 differ")
})

test("terminal, list and report show it; tables fit 80 columns; a second run computes and writes nothing", async () => {
  for (const table of record.tables.slice(0, 15))
    for (const line of tableText(table).split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80)
  const lines = renderStudySummary(record, "here", 80).split("\n")
  expect(lines.length).toBeLessThanOrEqual(10)
  const file = await Effect.runPromise(readRun(directory))
  expect(renderRun(file)).toContain("Four ways: probe, %")
  expect(summaryOf(file)).toMatchObject({ state: "done", headline: { name: "probe of encoder" } })
  expect(readFileSync(join(directory, "report.html"), "utf8")).toContain("Four ways: retrieval, %")
  const again = await Effect.runPromise(run())
  expect(again.computed).toBe(0)
  expect(measuresRecord.assert(JSON.parse(readFileSync(join(directory, "run.json"), "utf8")))).toEqual(record)
  expect(tf.memory().numTensors).toBeLessThanOrEqual(tensors)
})

test("encoder and decoder have one start, one order of the text, and as many steps", async () => {
  const { measured } = await Effect.runPromise(Effect.flatMap(resolve(experiment), (r) => graphOf(r)))
  const of = (model: string) => measured.find(({ name, seed }) => name === `nano-${model}` && seed === 1)!
  expect(of("decoder").start!.inputs.map(({ key }) => key)).toEqual([of("encoder").start!.key])
  expect(of("encoder-more").start!.key).toBe(of("encoder").trained.key)
  expect(of("decoder-from-encoder").start!.inputs.map(({ key }) => key)).toEqual([of("encoder").trained.key])
  const budgetOf = (name: string) => record.arms.rows.find((row) => row.name === `nano-${name}`)!.budget[0]!.arm
  // a decoder reads no last token, as nothing follows it: 40 steps of 8 sequences
  expect(budgetOf("encoder").tokensSeen).toBe(budgetOf("decoder").tokensSeen + 40 * 8)
  expect(budgetOf("encoder").tokensTrained).toBeLessThan(budgetOf("decoder").tokensTrained)
})

test("both of a pair are exported: a decoder's config.json has the ids that its class in transformers needs", async () => {
  const config = async (name: string) => {
    const to = join(home, name)
    await Effect.runPromise(exportModel({ directory, name, seed: 1, to, dtype: "float32", home }))
    return JSON.parse(readFileSync(join(to, "config.json"), "utf8"))
  }
  expect(await config("nano-encoder-from-decoder")).toMatchObject({ architectures: ["ModernBertForMaskedLM"] })
  expect(await config("nano-decoder-from-encoder")).toMatchObject({
    architectures: ["ModernBertDecoderForCausalLM"],
    ...{ bos_token_id: 319, eos_token_id: 256, pad_token_id: 256 },
  })
})

test("both objectives get the same sequences in each batch of a seed", async () => {
  const rng = seeded(1, "texts")
  const examples = Array.from({ length: 50 }, () => ({
    ids: Int32Array.from({ length: 3 + rng.below(9) }, () => rng.below(250)),
    promptLength: 0,
  }))
  const of = async (use: ObjectiveUse) => {
    const objective = { instance: await instanceOf(use), vocabularySize: 320, steps: 20, microBatches: 1 }
    return batches(examples, { batchSize: 4, seed: 3, bucket: 4, objective })
  }
  const [ofEncoder, ofDecoder] = [await of(mask({ rate: 0.15 })), await of(nextToken())]
  for (let t = 0; t < 20; t++) {
    const [a, b] = [ofEncoder.batch(t), ofDecoder.batch(t)]
    expect([...a.length_B]).toEqual([...b.length_B].map((length) => length + 1))
    const rows = new Set(a.row_N)
    for (const [s, length] of b.length_B.entries())
      for (let at = 0; at < length; at++)
        if (!rows.has(s * a.T + at)) expect(a.ids_BT[s * a.T + at]).toBe(b.ids_BT[s * b.T + at]!)
  }
})

test("arms that a size lacks, and a study where a target judges, are refused before any work", async () => {
  const refusal = async (of: typeof experiment) => (await Effect.runPromise(Effect.flip(run(of)))).message
  expect(await refusal({ ...experiment, study: pair({ sizes: ["nano", "mini"] }) })).toContain(
    "study pair: size mini has no arms mini-encoder, mini-decoder",
  )
  const { measures: _, ...decoded } = experiment
  expect(await refusal({ ...decoded, arms: { all: tiny.arms["all"]! } })).toContain(
    'list measures without "acceptance"',
  )
})
