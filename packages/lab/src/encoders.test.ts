/** Encoders as arms: trained, saved, resumed, and judged by measures instead of acceptance. */
import { beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { accuracy } from "@winnow/measure-accuracy"
import { masked } from "@winnow/objective-masked"
import { nextToken } from "@winnow/objective-next-token"
import { tf } from "@winnow/tensor"
import { oneWay } from "@winnow/testing"
import { Effect, Fiber, Layer } from "effect"
import { graphOf } from "../test/graph.ts"
import { maskedExperiment, sizesOf } from "../test/masked-experiment.ts"
import { behind, everything, squares, tiny } from "../test/tiny.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { registryOf } from "./experiment/registry.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { distilled } from "./experiment/spec.ts"
import { fresh } from "./experiment/start.ts"
import { Progress, type ProgressEvent } from "./progress.ts"
import { type MeasuresRecord, measuresRecord } from "./record/measures-schema.ts"
import { renderRepeat } from "./repeat/render.ts"
import { repeatRun } from "./repeat/repeat.ts"
import { type Finished, runExperiment } from "./run.ts"
import { compareRuns } from "./runs/compare.ts"
import { summaryOf } from "./runs/entry.ts"
import { renderRuns } from "./runs/list.ts"
import { readRun } from "./runs/read-run.ts"
import { renderComparison } from "./runs/render-comparison.ts"
import { renderRun } from "./runs/show.ts"
import { houseRoot } from "./store/code/house.ts"
import { Store } from "./store/store.ts"
import type { TableFigure } from "./study/table.ts"
import { renderStudySummary } from "./summary.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-encoders-"))
const results = join(home, "results")
const layers = Layer.mergeAll(datasetsLayer({ folder: undefined }), Progress.silent, Store.layer(home))
const run = (experiment: Experiment = maskedExperiment) =>
  Effect.flatMap(resolve(experiment), (r) => runExperiment(r, { slug: "000-masked", results })).pipe(
    Effect.provide(layers),
    Effect.runPromise,
  )
const refused = async (experiment: Experiment) =>
  (
    await Effect.runPromise(
      Effect.flip(Effect.flatMap(resolve(experiment), (r) => graphOf(r))).pipe(Effect.provide(layers)),
    )
  ).message

let whole: Finished
let record: MeasuresRecord
beforeAll(async () => {
  whole = await run()
  record = measuresRecord.assert(JSON.parse(readFileSync(join(whole.directory, "run.json"), "utf8")))
})

const figureOf = (row: string, column: string): TableFigure =>
  record.tables[0]!.rows.find(({ name }) => name === row)!.cells[column] as TableFigure

test("arms learn the masked letters, which their starts do not know; no stage decodes", () => {
  expect(figureOf("start", "accuracy").value).toBeLessThan(0.3)
  expect(figureOf("text", "accuracy").value).toBeGreaterThan(0.4)
  expect(figureOf("target", "accuracy").value).toBeGreaterThan(0.8)
  expect(figureOf("target", "agreement").seeds).toBe(3)
  const kinds = new Set(record.stages.map(({ kind }) => kind))
  expect([...kinds].sort()).toEqual(["arm", "data", "model-measure", "start", "target", "tokenizer"])
  expect(record.arms.rows.map(({ name, role }) => [name, role])).toEqual([
    ["start", "start"],
    ["text", "arm"],
    ["target", "arm"],
  ])
  expect(record.arms.rows[1]!.budget[0]!.arm).toMatchObject({ steps: 40 })
  expect(whole.record).toBeUndefined()
  expect(record.weights.map(({ name, seed }) => [name, seed])).toContainEqual(["target", null])
})

test("the record has tables of measures, differences and costs, a verdict, and no acceptance", () => {
  expect(record.tables.map(({ name }) => name)).toEqual(["measures", "differences", "cost"])
  expect(record.tables[1]!.rows.map(({ name }) => name)).toEqual(["text - target"])
  expect(record.tables[1]!.columns.map(({ head }) => head)).toEqual(["accuracy, points", "agreement, points"])
  expect(record.verdict).toMatch(
    /^Verdict: target minus text, 80 steps \(.*\) at .*: [+-]?\d+\.\d points of accuracy.*; 3 seeds, this target\.$/,
  )
  expect(record.conclusions.join("\n")).not.toMatch(/acceptance|gamma|prompts/)
  expect(record.conclusions.at(-1)).toContain("Nothing was decoded")
  expect(JSON.stringify(record)).not.toMatch(/"(gamma|primary|expectedAcceptance)"/)
})

test("summary, list, table and report show it; lines of the summary fit 80 columns", async () => {
  const summary = renderStudySummary(record, "results/000-masked", 80)
  expect(Math.max(...summary.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80)
  expect(summary.split("\n").length).toBeLessThanOrEqual(10)
  expect(summary).toContain("accuracy, %")
  const file = await Effect.runPromise(readRun(whole.directory))
  expect(renderRuns([{ ...summaryOf(file), attempts: [] }])).toContain("accuracy: text ")
  expect(renderRun(file)).toContain("Differences of arms:")
  const html = readFileSync(join(whole.directory, "report.html"), "utf8")
  expect(html).toContain("Differences of accuracy.")
  expect(html).toContain("points of accuracy")
  expect(html).not.toContain("greedy")
  expect(html.match(/<svg/g)!.length).toBe(2 * 3) // Wide and narrow; of training one for each loss.
})

test("another script gets every figure from the raw counts", () => {
  const recheck = Bun.spawnSync(["python3", join(houseRoot, "docs/recheck.py"), whole.directory])
  const out = recheck.stdout.toString()
  expect([recheck.exitCode, out.trimEnd().split("\n").at(-1)]).toEqual([0, expect.stringContaining("0 differ")])
  expect(out).toContain("text minus target: accuracy")
})

test("again, nothing is computed and run.json stays; no tensor is left", async () => {
  const before = readFileSync(join(whole.directory, "run.json"), "utf8")
  const tensors = tf.memory().numTensors
  const again = await run()
  expect([again.computed, again.directory]).toEqual([0, whole.directory])
  expect(readFileSync(join(whole.directory, "run.json"), "utf8")).toBe(before)
  expect(tf.memory().numTensors).toBe(tensors)
})

test("runs of other steps are compared by their measures", async () => {
  const short = await run(await Effect.runPromise(applySettings(maskedExperiment, ["arms.text.steps=20"])))
  const [a, b] = [await Effect.runPromise(readRun(whole.directory)), await Effect.runPromise(readRun(short.directory))]
  const comparison = compareRuns(a.written, b.written)
  expect(comparison.figures.some(({ row, column }) => row === "text" && column.key === "accuracy")).toBe(true)
  const text = renderComparison(comparison, a.written, b.written)
  expect(text).toContain("accuracy")
  expect(text).not.toContain("acceptance")
})

test("a run is repeated from its run.json to the last digit", async () => {
  const repeat = await repeatRun(whole.directory, { home, registry: registryOf(maskedExperiment) }).pipe(
    Effect.provide(Layer.merge(datasetsLayer({ folder: undefined }), Progress.silent)),
    Effect.runPromise,
  )
  expect(repeat).toMatchObject({ reproduced: true, exact: true, deviations: [] })
  expect(repeat.compared).toBeGreaterThan(100)
  expect(renderRepeat(repeat)).toContain("Reproduced: all the same.")
})

test("an arm that is interrupted ends with the weights of one that was not", async () => {
  const other = mkdtempSync(join(tmpdir(), "winnow-encoders-resumed-"))
  const stage = "arm target, seed 1"
  const attempt = (onEvent: (event: ProgressEvent) => void) =>
    Effect.flatMap(resolve(maskedExperiment, { seeds: [1] }), (r) =>
      runExperiment(r, { slug: "000-masked", results: join(other, "results") }),
    ).pipe(
      Effect.provide(Layer.mergeAll(Store.layer(other), datasetsLayer({ folder: undefined }))),
      Effect.provideService(Progress, { report: onEvent }),
    )
  let last = 0
  let stop = () => {}
  const fiber = Effect.runFork(
    attempt((event) => {
      if (event._tag !== "progress" || event.stage !== stage) return
      last = event.done
      if (event.done === 33) stop()
    }),
  )
  stop = () => fiber.interruptUnsafe()
  await Effect.runPromise(Fiber.await(fiber))
  expect(last).toBeWithin(33, 80)
  const steps: Array<number> = []
  await Effect.runPromise(
    attempt((event) => {
      if (event._tag === "progress" && event.stage === stage) steps.push(event.done)
    }),
  )
  expect(steps[0]).toBe(last + 1)
  const { key } = record.stages.find(({ label }) => label === stage)!
  const weights = (root: string) => Bun.file(join(root, "artifacts", "arm", key, "model.safetensors")).bytes()
  expect(await weights(other)).toEqual(await weights(home))
})

const objective = masked({ maskId: 257 })
test("decoding is refused where nothing is decoded: of settings, searches and studies", async () => {
  expect(await refused({ ...maskedExperiment, measure: { prompts: 12, gamma: 3 }, primary: "expected" })).toContain(
    'measure.gamma, primary: of acceptance, which measures leaves out; add "acceptance" to measures, or leave them out',
  )
  const sweep = { over: { "optimizer.learningRate": [0.01, 0.02] }, seed: 9 }
  expect(await refused({ ...maskedExperiment, sweep })).toContain("needs what the target accepts")
  expect(await refused({ ...maskedExperiment, sweep: { ...sweep, by: "loss" } })).toContain(
    "sweep.by: loss is of next tokens",
  )
  expect(await refused({ ...maskedExperiment, measures: [] })).toContain("measures")
})

test("encoders are refused where they would be decoded, write, or see what they predict", async () => {
  const acceptance = await refused({ ...maskedExperiment, measures: ["acceptance"] })
  for (const name of ["target", "draft"])
    expect(acceptance).toContain(
      `${name}: both_ways attends both ways, so nothing can be decoded with it; take a decoder`,
    )
  const training = { loss: squares(), steps: 4, batchSize: 4, optimizer: { warmup: 2 } }
  const common = { ...training, filter: everything() }
  const arms = {
    blind: arm(common),
    writing: arm({ ...common, objective, text: { kind: "written", by: "target" } }),
    compared: arm({ ...training, filter: behind(), objective }),
  }
  const reference = distilled(common)
  const many = await refused({ ...maskedExperiment, arms, about: "blind", reference })
  expect(many).toContain(
    "arms.blind: both_ways attends both ways and sees the tokens that objective next-token asks for",
  )
  expect(many).toContain("arms.writing.text: the target, both_ways, attends both ways and writes no text")
  expect(many).toContain("the reference of arms.compared: both_ways attends both ways and sees the tokens")
  expect(await refused({ ...maskedExperiment, measures: [accuracy({ objective: nextToken() })] })).toContain(
    "measures: measure accuracy asks for the tokens of objective next-token, and both_ways attends both ways",
  )
  // A decoder that learns from an encoder, which saw the predicted tokens.
  const leaking = {
    ...maskedExperiment,
    draft: { start: fresh(oneWay(sizesOf(8))) },
    arms: { all: arm(common) },
    about: "all",
  }
  expect(await refused(leaking)).toContain(
    "arms.all: the target, both_ways, attends both ways and sees the tokens that objective next-token asks for",
  )
})

test("decoders are judged by measures alone too, and a search may be by one of them", async () => {
  const { measure: _, reference: __, ...rest } = tiny
  const experiment: Experiment = {
    ...rest,
    name: "measured decoders",
    arms: { all: arm({ filter: everything(), loss: squares(), steps: 4, batchSize: 4, optimizer: { warmup: 2 } }) },
    seeds: [1],
    measures: [accuracy({ objective: nextToken() })],
    measure: { prompts: 4 },
    sweep: {
      over: { "optimizer.learningRate": [0.001, 0.01] },
      by: accuracy({ objective: nextToken() }),
      seed: 9,
      prompts: 4,
    },
  }
  const { study } = await run(experiment)
  const of = measuresRecord.assert(JSON.parse(JSON.stringify(study)))
  expect(of.arms.sweep).toMatchObject({ by: "accuracy", better: "higher", arms: [{ name: "all" }] })
  expect(of.tables.map(({ name }) => name)).toEqual(["measures", "cost"])
  expect(of.verdict).toStartWith("No verdict")
})
