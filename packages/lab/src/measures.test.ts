/**
 * Measures of trained models through the whole lab: a table with intervals, raw counts, and a recheck with the same
 * result.
 */
import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineMeasure } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { accuracy } from "@winnow/measure-accuracy"
import { masked } from "@winnow/objective-masked"
import { nextToken } from "@winnow/objective-next-token"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { tiny } from "../test/tiny.ts"
import { resolve } from "./experiment/resolve.ts"
import { Progress } from "./progress.ts"
import { houseRoot } from "./store/code/house.ts"
import { Store } from "./store/store.ts"
import { renderTable } from "./table.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-measures-"))
const layers = Layer.mergeAll(datasetsLayer({ folder: undefined }), Progress.silent, Store.layer(home))
const run = (measures: NonNullable<Parameters<typeof resolve>[0]["measures"]>) =>
  Effect.runPromise(
    Effect.flatMap(resolve({ ...tiny, measures: ["acceptance", ...measures] }), (resolved) =>
      runDistillation(resolved, { slug: "000-measures", results: join(home, "results") }),
    ).pipe(Effect.provide(layers)),
  )

test("every trained model is measured, by objectives of two kinds; the counts give the table again", async () => {
  const measures = [accuracy({ objective: nextToken() }), accuracy({ objective: masked({ maskId: 256 }) })]
  const { record, directory } = await run(measures)
  const tensors = tf.memory().numTensors
  const [table] = record.tables!
  expect(table!.columns.map(({ key, unit, direction }) => [key, unit, direction])).toEqual([
    ["accuracy next-token", "%", "higher"],
    ["accuracy masked", "%", "higher"],
  ])
  expect(table!.rows.map(({ name, context }) => [name, context])).toEqual([
    ["start", true],
    ["all", false],
    ["behind", false],
  ])
  for (const { cells } of table!.rows) {
    const { value, low, high, seeds } = cells["accuracy next-token"] as {
      value: number
      low: number
      high: number
      seeds: number
    }
    expect(seeds).toBe(2)
    expect(value).toBeWithin(0, 1)
    expect(low).toBeLessThanOrEqual(value)
    expect(high).toBeGreaterThanOrEqual(value)
  }
  const { measures: counted } = JSON.parse(readFileSync(join(directory, "counts.json"), "utf8")) as {
    measures: ReadonlyArray<{ row: string; column: string; seed: number; texts: ReadonlyArray<[number, number]> }>
  }
  expect(counted).toHaveLength(3 * 2 * 2)
  // The measure reads ten letters and the end of each text.
  expect(counted[0]).toMatchObject({ row: "start", column: "accuracy next-token", seed: 1 })
  expect(counted[0]!.texts.map(([, count]) => count)).toEqual([11, 11, 11, 11, 11, 11])
  expect(renderTable(record)).toContain("accuracy masked, %")
  const recheck = Bun.spawnSync(["python3", join(houseRoot, "docs/recheck.py"), directory])
  expect(recheck.stdout.toString()).toContain("all: accuracy masked")
  expect([recheck.exitCode, recheck.stdout.toString().trimEnd().split("\n").at(-1)]).toEqual([
    0,
    expect.stringContaining("0 differ"),
  ])
  const again = await run(measures)
  expect([again.computed, again.record.tables]).toEqual([0, record.tables!])
  expect(tf.memory().numTensors).toBe(tensors)
})

test("a measure that breaks its contract is named with its rule; the run has no figure of it", async () => {
  const short = defineMeasure({
    name: "short",
    reads: [],
    better: "higher",
    options: type({ "+": "reject" }),
    make: () => () => [],
  })
  const { record } = await run([short()])
  expect(record.tables![0]!.rows.every(({ cells }) => cells["short"] === null)).toBe(true)
  expect(record.missing[0]).toMatchObject({ name: "start", stage: "short of start, seed 1" })
  expect(record.missing[0]!.message).toMatch(/measure short: returned 0 entries; expected 6 pairs of a finite sum/)
})
