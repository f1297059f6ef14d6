/** The study of a proposer without training, through the whole lab: stage, record, settings, repeat, refusals. */
import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineProposer } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { ngram } from "@winnow/proposer-ngram"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { runDistillation } from "../../test/run-distillation.ts"
import { everything, squares, tiny } from "../../test/tiny.ts"
import { arm, defineExperiment } from "../experiment/define.ts"
import { registryOf } from "../experiment/registry.ts"
import { resolve } from "../experiment/resolve.ts"
import { applySettings } from "../experiment/settings.ts"
import { Progress } from "../progress.ts"
import { repeatRun } from "../repeat/repeat.ts"
import { Store } from "../store/store.ts"
import { proposing } from "./proposing.ts"
import { defineStudy } from "./study.ts"
import type { TableFigure } from "./table.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-proposing-"))
const layers = Layer.mergeAll(datasetsLayer({ folder: undefined }), Progress.silent, Store.layer(home))
/** Draws evenly from all ids: only decoding can judge it. */
const evenly = defineProposer({
  name: "evenly",
  options: type({ "+": "reject" }),
  make: () => ({
    begin: ({ vocabularySize: V }) => ({
      propose: ({ room, draw }) => {
        const q = Array.from({ length: room }, () => new Float64Array(V).fill(1 / V))
        return { tokens: q.map((q_V) => draw(q_V)), q }
      },
    }),
  }),
})
/** Its verdict differs at the next time. */
const said = { verdict: "First." }
const speaking = defineStudy({
  name: "speaking",
  options: type({ "+": "reject" }),
  make: () =>
    Effect.succeed({
      stages: () => Effect.succeed([]),
      report: () => ({ verdict: said.verdict, conclusions: [], tables: [] }),
    }),
})
const experiment = defineExperiment({
  ...tiny,
  arms: { all: arm({ filter: everything(), loss: squares(), steps: 6, batchSize: 4, optimizer: { warmup: 2 } }) },
  study: proposing({ proposer: ngram() }),
  measure: { ...tiny.measure, timedPrompts: 6 },
  plugins: [evenly, speaking],
})
const run = (...settings: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const resolved = yield* resolve(yield* applySettings(experiment, settings))
    return yield* runDistillation(resolved, { slug: "000-proposing", results: join(home, "results") })
  }).pipe(Effect.provide(layers))
const figureOf = (cell: unknown) => (cell as TableFigure | null)?.value

test("look-up stands beside the drafts, measured on the same texts; a setting puts another in its place", async () => {
  const first = await Effect.runPromise(run())
  const tensors = tf.memory().numTensors
  const [table] = first.study!.tables
  expect(first.study).toMatchObject({ study: "proposing", missing: [] })
  expect(table!.rows.map(({ name }) => name)).toEqual(["ngram", "all"])
  const [lookUp, draft] = table!.rows
  expect(figureOf(lookUp!.cells["tau"])).toBeGreaterThanOrEqual(1)
  expect(figureOf(lookUp!.cells["mbsu"])).toBe(figureOf(lookUp!.cells["tau"])!)
  expect(figureOf(lookUp!.cells["expected"])).toBeWithin(0, 1)
  expect(figureOf(draft!.cells["tau"])).toBe(first.record.rows.find(({ name }) => name === "all")!.tau.value!)
  expect(first.study!.verdict).toMatch(/^ngram gives \d\.\d\d.* tokens a target call at gamma \d+, all /)
  expect(first.study!.conclusions.join()).toMatch(/(\d+) of \1 timed texts of ngram are the target's own/)

  const again = await Effect.runPromise(run())
  expect([again.computed, again.study!.tables]).toEqual([0, first.study!.tables])
  const longer = await Effect.runPromise(run("study.proposer.shortest=3"))
  expect(longer.study!.config["study"]).toMatchObject({ options: { proposer: { options: { shortest: 3 } } } })
  expect(longer.computed).toBe(1)

  const other = await Effect.runPromise(run("study.proposer=evenly"))
  const [decoded] = other.study!.tables[0]!.rows
  expect(decoded!.cells["expected"]).toBe(null)
  expect(figureOf(decoded!.cells["acceptance"])).toBeWithin(0, 0.5)
  expect(tf.memory().numTensors).toBe(tensors)

  const repeated = await Effect.runPromise(
    repeatRun(first.directory, { home, registry: registryOf(experiment) }).pipe(
      Effect.provide(Layer.merge(datasetsLayer({ folder: undefined }), Progress.silent)),
    ),
  )
  expect(repeated).toMatchObject({ reproduced: true, exact: true, deviations: [] })
})

test("a proposer that is none, and options that make no sense, are refused before any work", async () => {
  const refusal = async (...settings: ReadonlyArray<string>) =>
    (await Effect.runPromise(Effect.flip(run(...settings)))).message
  expect(await refusal("study.proposer=suffix")).toContain('no proposer "suffix" here; there are ngram, evenly')
  expect(await refusal("study.proposer.longest=0")).toContain("longest must be")
})

test("a proposer is measured where every arm failed", async () => {
  const { study } = await Effect.runPromise(run("arms.all.optimizer.learningRate=1e30"))
  expect(study!.missing.map(({ name }) => name)).toContain("all")
  expect(study!.tables[0]!.rows.map(({ name }) => name)).toEqual(["ngram"])
  expect(study!.verdict).toContain("no draft was trained")
})

test("a record is written again where the study's report says something else of the same stages", async () => {
  const written = ({ directory }: { readonly directory: string }) =>
    JSON.parse(readFileSync(join(directory, "run.json"), "utf8")) as { verdict: string; created: string }
  const first = written(await Effect.runPromise(run("study=speaking")))
  expect(written(await Effect.runPromise(run("study=speaking")))).toEqual(first)
  said.verdict = "Second."
  const again = await Effect.runPromise(run("study=speaking"))
  expect([again.computed, written(again).verdict]).toEqual([0, "Second."])
})
