/** A study through the whole lab: its stages, its record, its repeat, and its refusals. */
import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineScore } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { accuracy } from "@winnow/measure-accuracy"
import { nextToken } from "@winnow/objective-next-token"
import { knn } from "@winnow/score-knn"
import { perplexity } from "@winnow/score-perplexity"
import { size } from "@winnow/score-size"
import { tmiKnn } from "@winnow/score-tmi-knn"
import { zeroShot } from "@winnow/score-zero-shot"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { runDistillation } from "../../test/run-distillation.ts"
import { everything, squares, tiny, tinyModel } from "../../test/tiny.ts"
import { arm, defineExperiment } from "../experiment/define.ts"
import { registryOf } from "../experiment/registry.ts"
import { resolve } from "../experiment/resolve.ts"
import { applySettings } from "../experiment/settings.ts"
import { fresh, layersOf } from "../experiment/start.ts"
import { Progress } from "../progress.ts"
import { repeatRun } from "../repeat/repeat.ts"
import { compareRuns } from "../runs/compare.ts"
import { summaryOf } from "../runs/entry.ts"
import { readRun } from "../runs/read-run.ts"
import { renderRun } from "../runs/show.ts"
import { Store } from "../store/store.ts"
import { renderStudySummary } from "../summary.ts"
import { tableText } from "../table/cells.ts"
import { ranking } from "./ranking.ts"
import { studyRecord } from "./record.ts"
import { scoresAlone } from "./scores-alone.ts"
import type { TableFigure } from "./table.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-study-"))
const layers = Layer.mergeAll(datasetsLayer({ folder: undefined }), Progress.silent, Store.layer(home))
const distilled = { filter: everything(), loss: squares(), steps: 6, batchSize: 4, optimizer: { warmup: 2 } }
const starts = defineExperiment({
  ...tiny,
  arms: {
    untrained: arm({ ...distilled, start: fresh(tinyModel(8)) }),
    pretrained: arm({ ...distilled, start: { kind: "draft" } }),
    whole: arm({ ...distilled, start: layersOf("target", [0]) }),
  },
  study: ranking({
    scores: { perplexity: perplexity(), knn: knn({ k: 1 }), "zero-shot": zeroShot(), size: size() },
    ...{ tokens: 100, perClass: "all", classes: 8, top: 1, layers: "all", labels: "gold" },
  }),
  plugins: [knn, tmiKnn],
})
const run = (...settings: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const resolved = yield* resolve(yield* applySettings(starts, settings))
    return yield* runDistillation(resolved, { slug: "000-starts", results: join(home, "results") })
  }).pipe(Effect.provide(layers))

const figure = (cell: unknown) => cell as TableFigure

test("three starts are scored, distilled alike, and ranked by each score beside what they reach", async () => {
  const first = await Effect.runPromise(run())
  const tensors = tf.memory().numTensors
  const { study, directory } = first
  const written = studyRecord.assert(JSON.parse(readFileSync(join(directory, "run.json"), "utf8")))
  expect(written).toEqual(study!)
  expect(study).toMatchObject({ schema: 4, study: "ranking", data: { dataset: "echo/test", prompts: 6 }, missing: [] })
  const names = ["perplexity", "knn", "zero-shot", "size"]
  expect(study!.tables.map(({ name }) => name)).toEqual([
    ...["scores", "choices", "layers", "by-seed", ...names.map((name) => `by-${name}`)],
    ...["acceptance", "differences", "cost", "time"],
  ])
  const tableOf = (name: string) => study!.tables.find((table) => table.name === name)!
  expect(tableOf("scores").rows.map(({ name }) => name)).toEqual(names)
  // The target itself has the lowest loss and all of its own tokens.
  const byPerplexity = tableOf("by-perplexity")
  expect(byPerplexity.rows.map(({ name }) => name).toSorted()).toEqual(["pretrained", "untrained", "whole"])
  expect(byPerplexity.rows[0]!.name).toBe("whole")
  expect(byPerplexity.rows.map(({ cells }) => figure(cells["rank"]).value)).toEqual([1, 2, 3])
  const losses = byPerplexity.rows.map(({ cells }) => figure(cells["score"]).value!)
  expect(losses).toEqual(losses.toSorted((a, b) => a - b))
  expect(figure(tableOf("by-zero-shot").rows[0]!.cells["score"]).value).toBeCloseTo(1, 5)
  // Two starts have as many parameters: they share the second rank.
  expect(tableOf("by-size").rows.map(({ cells }) => figure(cells["rank"]).value)).toEqual([1, 2, 2])
  // Numbers of parameters have no decimals.
  const styles = ["by-size", "by-perplexity"].map(
    (name) => tableOf(name).columns.find(({ key }) => key === "score")!.style,
  )
  expect(styles).toEqual(["short", "plain"])
  // One layer: the embedding and the last state.
  expect(tableOf("layers").rows.map(({ name }) => name)).toEqual(["knn"])
  expect(tableOf("layers").columns.map(({ key }) => key)).toEqual(["layer 0", "last"])
  expect(tableOf("by-knn").columns.map(({ key }) => key)).toEqual(["rank", "reached", "score", "layer 0"])
  expect(tableOf("by-seed").columns.map(({ head }) => head)).toEqual(["seed 1", "seed 2"])
  expect(study!.verdict).toMatch(
    /^perplexity has Kendall's tau .* with the greedy acceptance reached; zero-shot has .*; 3 starts, 2 seeds, this target\.$/,
  )

  // All artifacts exist: nothing runs again, and nothing stays open.
  const again = await Effect.runPromise(run())
  expect([again.computed, again.study!.tables]).toEqual([0, study!.tables])
  expect(tf.memory().numTensors).toBe(tensors)

  const file = await Effect.runPromise(readRun(directory))
  expect(summaryOf(file)).toMatchObject({ state: "done", headline: { name: "Kendall's tau" } })
  expect(renderRun(file)).toContain("Starts by perplexity, the most promising first:")
  const lines = renderStudySummary(study!, "here", 80).split("\n")
  expect(lines.length).toBeLessThanOrEqual(10)
  expect(lines.at(-1)).toBe("report.html and run.json: here")
  for (const table of study!.tables.slice(0, 8))
    for (const line of tableText(table).split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80)

  const other = await Effect.runPromise(run("study.scores.knn=tmi-knn", "study.scores.knn.k=1"))
  expect(other.study!.config["study"]).toMatchObject({
    name: "ranking",
    options: { scores: { knn: { kind: "score", name: "tmi-knn", options: { k: 1, floor: 1 } } }, tokens: 100 },
  })
  // Two seeds of three starts; the drafts and the other scores stay as they are.
  expect(other.computed).toBe(6)
  const comparison = compareRuns(file.written, (await Effect.runPromise(readRun(other.directory))).written)
  expect(comparison.config.map(({ path }) => path)).toContain("study.scores.knn.name")

  const repeated = await Effect.runPromise(
    repeatRun(directory, { home, registry: registryOf(starts) }).pipe(
      Effect.provide(Layer.merge(datasetsLayer({ folder: undefined }), Progress.silent)),
    ),
  )
  expect(repeated).toMatchObject({ reproduced: true, exact: true, deviations: [] })
})

test("the scores alone, without training an arm, are those of the whole run; another study has none", async () => {
  const only = (experiment: typeof starts) =>
    Effect.flatMap(resolve(experiment), scoresAlone).pipe(
      Effect.provide(Layer.mergeAll(datasetsLayer({ folder: undefined }), Progress.silent, Store.layer(home))),
    )
  const whole = (await Effect.runPromise(run())).study!.tables.find(({ name }) => name === "by-knn")!
  const tables = await Effect.runPromise(only(starts))
  expect(tables.map(({ name }) => name)).toEqual(["by-perplexity", "by-knn", "by-zero-shot", "by-size"])
  const alone = tables.find(({ name }) => name === "by-knn")!
  expect(alone.columns.map(({ key }) => key)).toEqual(["rank", "score", "layer 0"])
  for (const { name, cells } of alone.rows)
    expect(cells["score"]).toEqual(whole.rows.find((row) => row.name === name)!.cells["score"]!)
  const { study: _, ...none } = starts
  expect((await Effect.runPromise(Effect.flip(only(none as typeof starts)))).message).toContain(
    "its study is no ranking",
  )
})

test("a measure in the place of acceptance, and answers as classes of the training split", async () => {
  const study = ranking({
    scores: { knn: knn({ k: 1 }) },
    ...{ labels: "answer", split: "train", perClass: "all", reached: accuracy({ objective: nextToken() }) },
  })
  const measured = { ...starts, study, seeds: [1] }
  const { study: record } = await Effect.runPromise(
    Effect.flatMap(resolve(measured), (r) =>
      runDistillation(r, { slug: "000-answers", results: join(home, "results") }),
    ).pipe(Effect.provide(layers)),
  )
  const [scores] = record!.tables
  expect(scores!.title).toBe("Scores of 3 starts, and the accuracy that the starts reached")
  const by = record!.tables.find(({ name }) => name === "by-knn")!
  // Twelve texts of one letter each: no state has another one of its class.
  for (const { cells } of by.rows) expect(figure(cells["score"]).value).toBe(0)
  for (const { cells } of by.rows) expect(figure(cells["reached"]).value!).toBeWithin(0, 1.001)
  expect(scores!.rows[0]!.cells["tau"]).toBe(null)
})

test("a study or score that is none is refused, and says what there is", async () => {
  const refusal = async (...settings: ReadonlyArray<string>) =>
    (await Effect.runPromise(Effect.flip(run(...settings)))).message
  expect(await refusal("study.scores.knn=logme")).toContain(
    'no score "logme" here; there are perplexity, knn, zero-shot, size, tmi-knn',
  )
  expect(await refusal("study.tokens=1")).toContain("tokens must be")
  expect(await refusal("study.beside=probe")).toContain("probe is none of the scores perplexity, knn, zero-shot, size")
  expect(await refusal("study.perClass=2", "study.scores.knn=tmi-knn")).toContain(
    "score knn reads 4 states a class, and perClass is 2",
  )
  const { study } = await Effect.runPromise(run("study.perClass=200", "seeds=[1]"))
  expect(study!.missing[0]!.message).toMatch(/none of \d+ classes has 200 texts.*lower perClass/)
  const chance = defineScore({
    name: "chance",
    needs: [],
    better: "higher",
    options: type({ "+": "reject" }),
    make: () => () => Math.random(),
  })
  const wrong = { ...starts, study: ranking({ scores: { chance: chance() } }) }
  const options = { slug: "000-starts", results: join(home, "results") }
  const { message } = await Effect.runPromise(
    Effect.flip(Effect.flatMap(resolve(wrong), (r) => runDistillation(r, options)).pipe(Effect.provide(layers))),
  )
  expect(message).toMatch(/study: score chance: returned 0\.\d+, then 0\.\d+ of the same input; draw from input\.rng/)
  expect(await refusal("study=sorting")).toContain('no study "sorting" here; there are ranking')
})

test("a ranking of which every arm failed has a record that says so", async () => {
  const rates = Object.keys(starts.arms).map((name) => `arms.${name}.optimizer.learningRate=1e30`)
  const { study } = await Effect.runPromise(run("seeds=[1]", ...rates))
  expect(study!.verdict).toBe("No verdict: no start was distilled.")
  expect(study!.missing).toHaveLength(3)
})
