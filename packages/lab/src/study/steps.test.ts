/** The study of several steps in a row: tables by step, the clock, and drafts that are read again from their folders. */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { perplexity } from "@winnow/score-perplexity"
import { Glob } from "bun"
import { Effect, Layer } from "effect"
import { runDistillation } from "../../test/run-distillation.ts"
import { everything, squares, tiny, tinyModel } from "../../test/tiny.ts"
import { arm, defineExperiment } from "../experiment/define.ts"
import { resolve } from "../experiment/resolve.ts"
import { scored } from "../experiment/scored.ts"
import { artifactOf, fresh } from "../experiment/start.ts"
import { privatePart } from "../experiment/training-spec.ts"
import { Progress } from "../progress.ts"
import { houseRoot } from "../store/code/house.ts"
import { Store } from "../store/store.ts"
import { tableText } from "../table/cells.ts"
import { steps } from "./steps.ts"
import type { TableFigure } from "./table.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-steps-"))
const layers = Layer.mergeAll(datasetsLayer({ folder: undefined }), Progress.silent, Store.layer(home))
const budget = { filter: everything(), loss: squares(), steps: 6, batchSize: 4, optimizer: { warmup: 2 } }
const among = { untrained: fresh(tinyModel(8)), trained: fresh(tinyModel(8), { steps: 8, batchSize: 4 }) }
const { reference: _, ...rest } = tiny
const experiment = defineExperiment({
  ...rest,
  draft: { start: scored({ among, scores: { perplexity: perplexity() }, tokens: 60, perClass: "all" }) },
  arms: {
    short: arm({ ...budget, steps: 1, optimizer: { warmup: 1 } }),
    long: arm(budget),
    private: arm({ ...budget, start: artifactOf({ best: ["short", "long"] }), adapters: privatePart({ size: 2 }) }),
  },
  about: "private",
  study: steps({
    steps: { distillation: ["short", "long"], adaptation: ["start:private", "private"] },
    exports: ["private"],
  }),
})

test("each step has its table, the clock and the export have theirs, and a folder proposes what the run's draft does", async () => {
  const run = Effect.flatMap(resolve(experiment), (r) =>
    runDistillation(r, { slug: "000-steps", results: join(home, "results") }),
  ).pipe(Effect.provide(layers))
  const { directory, study, record, computed } = await Effect.runPromise(run)
  if (Bun.which("python3") !== null) {
    const { exitCode, stdout } = Bun.spawnSync(["python3", join(houseRoot, "docs/recheck.py"), directory])
    expect([exitCode, stdout.toString()]).toEqual([0, expect.stringContaining("the record's: 0 differ")])
  }
  expect(computed).toBeGreaterThan(0)
  expect(study!.tables.slice(0, 7).map(({ name }) => name)).toEqual([
    ...["distillation", "adaptation", "decoding", "export"],
    ...["acceptance", "ranking", "choice-private"],
  ])
  const tableOf = (name: string) => study!.tables.find((table) => table.name === name)!
  const cell = (table: string, row: string, key: string) =>
    tableOf(table).rows.find(({ name }) => name === row)!.cells[key] as TableFigure
  expect(cell("distillation", "short", "difference")).toBeNull()
  const difference = record.differences.find(
    ({ a, b, measure }) => a === "short" && b === "long" && measure === "greedyAcceptance",
  )!
  expect(cell("distillation", "long", "difference").value).toBeCloseTo(-difference.value!, 12)
  // One layer: a gate, up and down of two columns, and a vector of the gate between shared and private.
  expect(cell("adaptation", "private", "trained").value).toBe(3 * 2 * 8 + 2 * 8)
  expect(cell("adaptation", "long", "trained").value).toBe(record.draftParameters)
  expect(cell("export", "private", "folder")).toEqual(cell("export", "private", "run"))
  expect(cell("export", "private", "part").value!).toBeLessThan(cell("export", "private", "bytes").value!)
  expect(tableOf("decoding").rows).toHaveLength(3)
  for (const name of ["distillation", "adaptation", "decoding", "export", "ranking", "choice-private"])
    for (const line of tableText(tableOf(name)).split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80)
  const files = [...new Glob("**/export/*/*").scanSync(home)].map((path) => basename(path))
  expect(files).toEqual(
    expect.arrayContaining(["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"]),
  )
  expect((await Effect.runPromise(run)).computed).toBe(0)
})

test("names of steps and of exports are checked before any work", async () => {
  const refused = async (options: Parameters<typeof steps>[0]) => {
    const of = resolve({ ...experiment, study: steps(options) })
    return (await Effect.runPromise(Effect.flip(Effect.flatMap(of, ({ study }) => study!.instance)))).message
  }
  expect(await refused({ steps: { distillation: ["short"] }, exports: ["private"] })).toContain(
    "exports private, in no step; name arms of distillation",
  )
  expect(await refused({ steps: { ranking: ["short"] } })).toContain("none of acceptance, cost, decoding")
  expect(await refused({ steps: {} })).toContain("one step or more")
})
