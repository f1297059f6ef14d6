/** A study through the whole lab: its stages, its record, its repeat, and its refusals. */
import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineScore } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { goldLoss } from "@winnow/score-gold-loss"
import { knn } from "@winnow/score-knn"
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
import { ranking } from "./ranking.ts"
import { studyRecord } from "./record.ts"

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
  study: ranking({ score: goldLoss(), tokens: 40 }),
  plugins: [knn],
})
const run = (...settings: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const resolved = yield* resolve(yield* applySettings(starts, settings))
    return yield* runDistillation(resolved, { slug: "000-starts", results: join(home, "results") })
  }).pipe(Effect.provide(layers))

test("three starts are scored, distilled alike, and ranked by one score beside what they reach", async () => {
  const first = await Effect.runPromise(run())
  const tensors = tf.memory().numTensors
  const { study, directory } = first
  const written = studyRecord.assert(JSON.parse(readFileSync(join(directory, "run.json"), "utf8")))
  expect(written).toEqual(study!)
  expect(study).toMatchObject({ schema: 4, study: "ranking", data: { dataset: "echo/test", prompts: 6 }, missing: [] })
  expect(study!.tables.map(({ name }) => name)).toEqual([
    "ranking",
    "by-seed",
    "acceptance",
    "differences",
    "cost",
    "time",
  ])
  const [table, bySeed] = study!.tables
  // The target itself has the lowest loss and all of its own tokens.
  expect(table!.rows[0]!.name).toBe("whole")
  expect(table!.rows.map(({ name }) => name).toSorted()).toEqual(["pretrained", "untrained", "whole"])
  const losses = table!.rows.map(({ cells }) => (cells["score"] as { value: number }).value)
  expect(losses).toEqual(losses.toSorted((a, b) => a - b))
  for (const { cells } of table!.rows) expect(cells["start"]).toMatchObject({ value: expect.any(Number) })
  expect(bySeed!.rows.map(({ name }) => name)).toEqual(["1", "2"])
  expect(study!.verdict).toMatch(/^gold-loss puts whole first of 3 starts, .*Kendall's tau .*, 2 seeds, this target\.$/)

  // All artifacts exist: nothing runs again, and nothing stays open.
  const again = await Effect.runPromise(run())
  expect([again.computed, again.study!.tables]).toEqual([0, study!.tables])
  expect(tf.memory().numTensors).toBe(tensors)

  const file = await Effect.runPromise(readRun(directory))
  expect(summaryOf(file)).toMatchObject({ state: "done", headline: { name: "greedy acceptance reached" } })
  expect(renderRun(file)).toContain("Starts by gold-loss, the most promising first:")
  const lines = renderStudySummary(study!, "here", 80).split("\n")
  expect(lines.length).toBeLessThanOrEqual(10)
  expect(lines.at(-1)).toBe("report.html and run.json: here")

  const other = await Effect.runPromise(run("study.score=knn"))
  expect(other.study!.config["study"]).toEqual({
    name: "ranking",
    options: { score: { name: "knn", options: { k: 5 } }, tokens: 40 },
  })
  const comparison = compareRuns(file.written, (await Effect.runPromise(readRun(other.directory))).written)
  expect(comparison.config.map(({ path }) => path)).toEqual(["study.score", "study.score.k"])
  expect(
    comparison.figures.filter(({ table }) => table === "ranking").every(({ difference }) => difference === 0),
  ).toBe(true)

  const repeated = await Effect.runPromise(
    repeatRun(directory, { home, registry: registryOf(starts) }).pipe(
      Effect.provide(Layer.merge(datasetsLayer({ folder: undefined }), Progress.silent)),
    ),
  )
  expect(repeated).toMatchObject({ reproduced: true, exact: true, deviations: [] })
}, 120_000)

test("a study or score that is none is refused, and says what there is", async () => {
  const refusal = async (...settings: ReadonlyArray<string>) =>
    (await Effect.runPromise(Effect.flip(run(...settings)))).message
  expect(await refusal("study.score=perplexity")).toContain('no score "perplexity" here; there are gold-loss, knn')
  expect(await refusal("study.tokens=1")).toContain("tokens must be")
  const chance = defineScore({
    name: "chance",
    needs: [],
    better: "higher",
    options: type({ "+": "reject" }),
    make: () => () => Math.random(),
  })
  const wrong = { ...starts, study: ranking({ score: chance() }) }
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
}, 60_000)
