/** Folders of one vocabulary whose heads have different numbers of rows, in one experiment. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { byteTokenizer, datasetsLayer, tokenizerFiles } from "@winnow/data"
import { llama } from "@winnow/model-llama"
import { initialise, loadModel, saveModel } from "@winnow/models"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { everything, squares, tiny } from "../test/tiny.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { folder, resized } from "./experiment/start.ts"
import { Progress } from "./progress.ts"
import { Store } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-rows-"))
afterAll(() => rmSync(home, { recursive: true }))
const notes: Array<string> = []
const progress = Layer.succeed(Progress, {
  report: (event) => {
    if (event._tag === "note") notes.push(event.text)
  },
})
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), progress)
const run = (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
  Effect.flatMap(applySettings(experiment, settings), (changed) => resolve(changed)).pipe(
    Effect.flatMap((resolved) => runDistillation(resolved, { slug: "000-rows", results: join(home, "results") })),
    Effect.provide(layers),
  )

const sizesOf = (vocab_size: number) => ({
  ...{ vocab_size, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 32 },
})
/** A folder with this many rows of the vocabulary, and the byte tokenizer of 257 tokens. */
const saved = async (vocab_size: number, withTokenizer = true): Promise<string> => {
  const path = mkdtempSync(join(home, "model-"))
  const model = initialise(await Effect.runPromise(llama(sizesOf(vocab_size)).instance), 5)
  await Effect.runPromise(saveModel(model, path))
  model.dispose()
  if (withTokenizer)
    for (const [name, text] of Object.entries(tokenizerFiles(byteTokenizer))) writeFileSync(join(path, name), text)
  return path
}
/** The same weights with fewer rows. */
const cut = async (path: string, rows: number): Promise<string> => {
  const to = mkdtempSync(join(home, "model-"))
  const { family } = await Effect.runPromise(llama(sizesOf(rows)).instance)
  const model = await Effect.runPromise(loadModel(path, [family!], { rows }))
  await Effect.runPromise(saveModel(model, to))
  model.dispose()
  for (const [name, text] of Object.entries(tokenizerFiles(byteTokenizer))) writeFileSync(join(to, name), text)
  return to
}
const budget = { steps: 3, batchSize: 4, optimizer: { warmup: 2 } }
const trained = { filter: everything(), loss: squares(), ...budget }

test("a draft of more rows than its target is trained and measured over the rows that both have", async () => {
  const large = await saved(384)
  const small = await cut(large, 320)
  const experiment: Experiment = {
    ...tiny,
    target: folder(small),
    draft: { start: folder(large) },
    arms: {
      all: arm(trained),
      wide: arm({ ...trained, start: resized(folder(large), { intermediate_size: 40 }) }),
      frozen: arm({ filter: tiny.arms["behind"]!.filter, loss: squares(), ...budget, reference: folder(large) }),
    },
    seeds: [1],
  }
  const { record } = await Effect.runPromise(run(experiment, "measure.prompts=2"))
  expect(record.missing).toEqual([])
  const row = (name: string) => record.rows.find((r) => r.name === name)!
  // Over the common rows the draft is the target.
  expect(row("start").greedyAcceptance.value).toBe(1)
  expect(row("start").expectedAcceptance.value).toBeCloseTo(1, 5)
  for (const name of ["all", "wide", "frozen"]) expect(row(name).greedyAcceptance.value).not.toBe(null)
  const of = record.stages.find(({ kind, label }) => kind === "arm" && label.startsWith("arm all"))!
  const config = JSON.parse(readFileSync(join(home, "artifacts", "arm", of.key, "config.json"), "utf8"))
  expect(config.vocab_size).toBe(320)
  expect(notes.filter((text) => text.includes("rows of the vocabulary"))).toEqual([
    `${large} has 384 rows of the vocabulary; the first 320 are read, as the others have no token`,
  ])
})

test("a target of more rows than its draft is read to the draft's; rows that are no padding are refused", async () => {
  const [large, small] = [await saved(384), await saved(257)]
  const experiment: Experiment = {
    ...tiny,
    target: folder(large),
    draft: { start: folder(small) },
    arms: { all: arm(trained) },
    seeds: [1],
  }
  const { record } = await Effect.runPromise(run(experiment, "measure.prompts=2"))
  expect(record.rows.find(({ name }) => name === "all")!.greedyAcceptance.value).not.toBe(null)
  const message = async (path: string) =>
    (await Effect.runPromise(Effect.flip(run(experiment, `target=folder:${path}`)))).message
  expect(await message(await saved(300))).toContain("vocabularies differ: draft 257; target 300")
  // Nothing tells which rows are tokens.
  expect(await message(await saved(384, false))).toContain("vocabularies differ: draft 257; target 384")
})
