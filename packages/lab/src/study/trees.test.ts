/** The study of trees through the whole lab: stages, tables, settings, refusals. */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { tf } from "@winnow/tensor"
import { Effect, Layer } from "effect"
import { runDistillation } from "../../test/run-distillation.ts"
import { everything, squares, tiny } from "../../test/tiny.ts"
import { arm, defineExperiment } from "../experiment/define.ts"
import { resolve } from "../experiment/resolve.ts"
import { applySettings } from "../experiment/settings.ts"
import { Progress } from "../progress.ts"
import { Store } from "../store/store.ts"
import type { TableFigure } from "./table.ts"
import { trees } from "./trees.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-trees-"))
const layers = Layer.mergeAll(datasetsLayer({ folder: undefined }), Progress.silent, Store.layer(home))
const experiment = defineExperiment({
  ...tiny,
  arms: { all: arm({ filter: everything(), loss: squares(), steps: 6, batchSize: 4, optimizer: { warmup: 2 } }) },
  study: trees({ shapes: { chain: { widths: [1, 1] }, "3x2": { widths: [3, 2] }, best: { nodes: 8, depth: 2 } } }),
  measure: { ...tiny.measure, timedPrompts: 4 },
  seeds: [1, 2],
})
const run = (...settings: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const resolved = yield* resolve(yield* applySettings(experiment, settings))
    return yield* runDistillation(resolved, { slug: "000-trees", results: join(home, "results") })
  }).pipe(Effect.provide(layers))

test("a chain and trees stand side by side: tokens a call, acceptance by rank and place, the target's own texts", async () => {
  const { study, computed } = await Effect.runPromise(run())
  const tensors = tf.memory().numTensors
  expect(study).toMatchObject({ study: "trees", missing: [] })
  const [table, ranks, depths] = study!.tables
  expect(table!.rows.map(({ name }) => name)).toEqual(["chain", "3x2", "best"])
  const of = (row: number, key: string, from = table!) => (from.rows[row]!.cells[key] as TableFigure | null)?.value
  for (const [row, most] of [2, 9, 8].entries()) {
    expect(of(row, "gamma")).toBe(2)
    expect(of(row, "tokens")).toBeWithin(0.5, most + 1e-9)
    for (const key of ["tau", "sampledTau"]) expect(of(row, key)).toBeWithin(1, 3.001)
    expect(of(row, "mbsu")!).toBeLessThan(of(row, "tau")!)
    expect(of(row, "verify")).toBeGreaterThan(0)
    expect(table!.rows[row]!.cells["tau"]).toMatchObject({ seeds: 2 })
  }
  // The first siblings of the trees are the chain's tokens, and there are more.
  for (const key of ["tau", "sampledTau"]) expect(of(1, key)!).toBeGreaterThanOrEqual(of(0, key)! - 0.05)
  expect(of(0, "greedy2", ranks)).toBe(undefined)
  expect(of(1, "greedy2", ranks)).toBeWithin(0, 1)
  expect(of(1, "greedy1", depths)).toBeWithin(0, 1)
  expect(study!.conclusions.join()).toMatch(/^(\d+) of \1 timed texts are the target's own\.$/)
  expect(study!.verdict).toContain("gives the most tokens a target call")

  const again = await Effect.runPromise(run())
  expect([again.computed, again.study!.tables]).toEqual([0, study!.tables])
  const other = await Effect.runPromise(run("study.shapes.best.nodes=4"))
  expect(other.computed).toBe(2)
  expect(computed).toBeGreaterThan(6)
  expect(tf.memory().numTensors).toBe(tensors)
})

test("a shape that is none is refused before any work", async () => {
  const refusal = async (...settings: ReadonlyArray<string>) =>
    (await Effect.runPromise(Effect.flip(run(...settings)))).message
  expect(await refusal("study.shapes.best.nodes=0")).toContain("nodes")
})
