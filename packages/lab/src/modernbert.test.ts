/**
 * ModernBERT as target and as arms: a folder with a masked objective, trained, measured, and exported without acceptance.
 *
 * WINNOW_PYTHON names a Python that has torch and transformers; without it one test is skipped.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { byteTokenizer, tokenizerFiles } from "@winnow/data"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { modernbert } from "@winnow/model-modernbert"
import { initialise, loadModel, saveModel } from "@winnow/models"
import { masked } from "@winnow/objective-masked"
import { linear, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { maskedExperiment } from "../test/masked-experiment.ts"
import { runLayers } from "../test/run-layers.ts"
import { everything } from "../test/tiny.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { folder, fresh, resized } from "./experiment/start.ts"
import { exportModel } from "./export/export-model.ts"
import { type MeasuresRecord, measuresRecord } from "./record/measures-schema.ts"
import { runExperiment } from "./run.ts"
import type { TableFigure } from "./study/table.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-modernbert-"))
afterAll(() => rmSync(home, { recursive: true }))

const sizes = {
  vocab_size: 320,
  num_attention_heads: 2,
  max_position_embeddings: 32,
  local_attention: 8,
  initializer_range: 0.1,
}
/** A folder as one of transformers, with the byte tokenizer. */
const saved = async () => {
  const path = join(home, "folder")
  const use = modernbert({ ...sizes, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2 })
  const model = initialise(await Effect.runPromise(use.instance), 5)
  await Effect.runPromise(saveModel(model, path))
  model.dispose()
  for (const [name, text] of Object.entries(tokenizerFiles(byteTokenizer))) writeFileSync(join(path, name), text)
  return path
}

const objective = masked({ maskId: 257, rate: 0.3 })
const training = { steps: 60, batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 }, objective }

let directory: string
let record: MeasuresRecord
beforeAll(async () => {
  const small = { ...sizes, hidden_size: 8, intermediate_size: 12, num_hidden_layers: 2 }
  const experiment: Experiment = {
    ...maskedExperiment,
    about: "distilled",
    target: folder(await saved(), { pretraining: training }),
    draft: { start: fresh(modernbert(small)) },
    arms: {
      text: arm({ filter: everything(), loss: crossEntropy(), ...training }),
      distilled: arm({ filter: everything(), loss: kl(), ...training }),
      narrow: arm({
        ...{ filter: everything(), loss: kl(), ...training },
        start: resized("target", { hidden_size: 8, num_attention_heads: 1 }),
      }),
    },
    seeds: [1, 2],
    plugins: [modernbert, everything],
  }
  const run = Effect.flatMap(resolve(experiment), (r) =>
    runExperiment(r, { slug: "000-modernbert", results: join(home, "results") }),
  )
  const finished = await Effect.runPromise(Effect.provide(run, runLayers(home)))
  directory = finished.directory
  record = measuresRecord.assert(JSON.parse(readFileSync(join(directory, "run.json"), "utf8")))
})

const figureOf = (row: string, column: string) =>
  (record.tables[0]!.rows.find(({ name }) => name === row)!.cells[column] as TableFigure).value!
const exported = (name: string, seed: number | undefined, to: string) =>
  Effect.runPromise(exportModel({ directory, name, seed, to, dtype: "float32", home }))

test("arms learn masked letters from a ModernBERT target, which a folder begins", () => {
  expect(record.missing).toEqual([])
  expect(figureOf("start", "accuracy")).toBeLessThan(0.3)
  for (const name of ["text", "distilled", "narrow"])
    expect(figureOf(name, "accuracy")).toBeGreaterThan(figureOf("start", "accuracy") + 0.1)
  expect(figureOf("distilled", "agreement")).toBeGreaterThan(0.3)
})

test("an encoder is exported: weights, tokenizer and a card with measures, nothing of acceptance or generation", async () => {
  const { sha256, decodes } = await exported("text", 2, join(home, "text"))
  expect(decodes).toBe(false)
  const recorded = record.weights.find(({ name, seed }) => name === "text" && seed === 2)!
  expect(sha256).toEqual({ exported: recorded.sha256, recorded: recorded.sha256 })
  expect(readdirSync(join(home, "text")).sort()).toEqual([
    ...["README.md", "config.json", "model.safetensors", "special_tokens_map.json"],
    ...["tokenizer.json", "tokenizer_config.json"],
  ])
  const config = JSON.parse(readFileSync(join(home, "text", "config.json"), "utf8"))
  expect(config).toMatchObject({ architectures: ["ModernBertForMaskedLM"], vocab_size: 320, eos_token_id: 256 })
  const card = readFileSync(join(home, "text", "README.md"), "utf8")
  expect(card).toContain("pipeline_tag: fill-mask\n---")
  const shown = (100 * figureOf("text", "accuracy")).toFixed(1)
  expect(card).toContain(`| accuracy | ${shown} % | 2 |`)
  expect(card).toContain("Nothing was decoded: the run measures no acceptance.")
  expect(card).toContain("AutoModelForMaskedLM")
  expect(card).not.toMatch(/gamma|tau|draft-model|speculative|generate --target/)
  const model = await Effect.runPromise(loadModel(join(home, "text"), [modernbert]))
  expect(model.architecture.attends).toBe("both")
  model.dispose()
})

test("the target of such a run is exported too, and rows that there are not are refused", async () => {
  const { sha256 } = await exported("target", undefined, join(home, "whole"))
  expect(sha256.recorded).toBe(record.weights.find(({ name }) => name === "target")!.sha256)
  expect(readFileSync(join(home, "whole", "README.md"), "utf8")).toContain("The target of the run, folder.")
  const refused = exportModel({ directory, name: "nope", to: join(home, "no"), dtype: "float32", home })
  expect((await Effect.runPromise(Effect.flip(refused))).message).toContain(
    "has no model nope; it has text, distilled, narrow, start, target",
  )
  expect(existsSync(join(home, "no"))).toBe(false)
})

const python = process.env["WINNOW_PYTHON"] ?? ""
if (python === "") console.warn("WINNOW_PYTHON is not set: exported encoders are not opened by transformers here")

test.skipIf(python === "")(
  "transformers opens it without a missing or unexpected key, and has the same logits",
  async () => {
    const to = join(home, "opened")
    await exported("text", 1, to)
    const ids = [[97, 98, 257, 100, 97, 98, 99, 100]]
    const model = await Effect.runPromise(loadModel(to, [modernbert]))
    const ours = tf.tidy(() => {
      const h_BTd = model.hidden(tf.tensor2d(ids, [1, 8], "int32"))
      const h_Nd = tf.reshape(h_BTd, [8, -1]) as tf.Tensor2D
      return Array.from(linear(h_Nd, model.head_Vd as unknown as tf.Tensor2D).dataSync())
    })
    model.dispose()
    writeFileSync(join(home, "logits.json"), JSON.stringify({ ids, logits: ours }))
    const script = join(import.meta.dir, "../interop/masked_side.py")
    const { exitCode, stdout } = Bun.spawnSync([python, script, to, join(home, "logits.json")])
    expect([exitCode, stdout.toString()]).toEqual([0, expect.stringContaining("missing or unexpected keys: none")])
    expect(stdout.toString()).toContain("ModernBertForMaskedLM")
  },
)
