/** Heads on the target as arms: trained, saved, resumed, measured at the tokens that they predict, and by decoding. */
import { beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineTask } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { randomExamples } from "@winnow/filter-random-examples"
import { medusa } from "@winnow/head-medusa"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { accuracy } from "@winnow/measure-accuracy"
import { agreement } from "@winnow/measure-agreement"
import { llama } from "@winnow/model-llama"
import { loadHead, loadModel } from "@winnow/models"
import { nextToken } from "@winnow/objective-next-token"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Fiber, Layer } from "effect"
import { behind, everything, tiny } from "../test/tiny.ts"
import { arm, defineExperiment, type Experiment } from "./experiment/define.ts"
import { fromConfig } from "./experiment/from-config.ts"
import { registryOf } from "./experiment/registry.ts"
import { resolve } from "./experiment/resolve.ts"
import { ema } from "./experiment/spec.ts"
import { fresh, head } from "./experiment/start.ts"
import { exportModel } from "./export/export-model.ts"
import type { ExportRequest } from "./export/export-request.ts"
import { Progress, type ProgressEvent } from "./progress.ts"
import { type MeasuresRecord, measuresRecord } from "./record/measures-schema.ts"
import { type Finished, runExperiment } from "./run.ts"
import { Store } from "./store/store.ts"
import type { TableFigure } from "./study/table.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-heads-"))
const layersOf = (folder: string) => Layer.merge(datasetsLayer({ folder: undefined }), Store.layer(folder))

/** Says the ten letters that follow one: the next token and the token after next differ. */
const rising = defineTask({
  name: "rising",
  options: type({ "+": "reject" }),
  make: () => {
    const letter = (i: number) => String.fromCharCode(97 + (i % 26))
    const examples = Array.from({ length: 26 }, (_, i) => ({
      prompt: `${letter(i)}:`,
      answer: Array.from({ length: 10 }, (_, j) => letter(i + j + 1)).join(""),
    }))
    const score = (example: { answer: string }, text: string) => text === example.answer
    return Effect.succeed({ examples: () => examples, sharesPrompts: true, score })
  },
})

const target = llama({
  ...{ vocab_size: 257, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2 },
  max_position_embeddings: 32,
})
const training = { filter: everything(), batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 }, steps: 60 }
const objective = nextToken()

const experiment = defineExperiment({
  name: "heads",
  question: "Does the target's first head learn more from the target than from the text?",
  task: rising(),
  tokenizer: tiny.tokenizer,
  maxLength: 16,
  target: fresh(target, { steps: 150, batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 } }),
  draft: { start: head(medusa({ heads: 1 })) },
  arms: {
    text: arm({ ...training, loss: crossEntropy() }),
    target: arm({ ...training, loss: kl() }),
    later: arm({ ...training, loss: kl(), start: head(medusa({ heads: 3 })) }),
  },
  about: "target",
  seeds: [1],
  measures: [accuracy({ objective }), agreement({ objective })],
  measure: { prompts: 26 },
  plugins: [medusa, llama, rising],
})

const runIn = (folder: string, onEvent: (event: ProgressEvent) => void = () => {}, of: Experiment = experiment) =>
  Effect.flatMap(resolve(of), (r) => runExperiment(r, { slug: "000-heads", results: join(folder, "results") })).pipe(
    Effect.provide(layersOf(folder)),
    Effect.provideService(Progress, { report: onEvent }),
  )

let whole: Finished
let record: MeasuresRecord
beforeAll(async () => {
  whole = await Effect.runPromise(runIn(home))
  record = measuresRecord.assert(JSON.parse(readFileSync(join(whole.directory, "run.json"), "utf8")))
})

const figureOf = (row: string, column: string): TableFigure =>
  record.tables[0]!.rows.find(({ name }) => name === row)!.cells[column] as TableFigure
const artifactOf = (label: string, folder = home): string => {
  const { kind, key } = record.stages.find((stage) => stage.label === label)!
  return join(folder, "artifacts", kind, key)
}

test("heads learn their token from the target's states, and cost what they cost", () => {
  for (const name of ["text", "target", "later"]) {
    expect(figureOf(name, "accuracy").value).toBeGreaterThan(figureOf("start", "accuracy").value! + 0.2)
    expect(figureOf(name, "agreement").value).toBeGreaterThan(0.6)
  }
  // a matrix, a bias and a vocabulary head
  expect(record.arms.draftParameters).toBe(16 * 16 + 16 + 257 * 16)
  const [start, text, ofTarget] = record.arms.rows
  expect([start!.role, text!.from]).toEqual(["start", "start"])
  expect(record.arms.rows.find(({ name }) => name === "later")!.from).toBe("head medusa on the target")
  const flops = (row: typeof text) => row!.budget[0]!.arm.flops
  // The target's states are computed once; its own head beside them is a product more.
  expect(flops(ofTarget)).toBeGreaterThan(flops(text))
  expect(flops(ofTarget)).toBeLessThan(flops(text) * 2)
  expect(record.weights.filter(({ name }) => name === "text").map(({ file }) => file)).toEqual(["head.safetensors"])
  expect(record.stages.some(({ kind }) => kind === "measure" || kind === "rollouts")).toBe(false)
})

test("an artifact is head.json beside head.safetensors; another target's is refused", async () => {
  const folder = artifactOf("arm text, seed 1")
  const json = JSON.parse(readFileSync(join(folder, "head.json"), "utf8"))
  expect(json).toEqual({
    head: "medusa",
    options: { heads: 1, blocks: 1, vocabulary: "own", bias: true, layer: "last", decay: 0.8 },
    target: { model_type: "llama", hidden_size: 16, vocab_size: 257 },
  })
  const before = tf.memory().numTensors
  const model = await Effect.runPromise(loadModel(artifactOf("target"), [llama]))
  const instance = await Effect.runPromise(medusa({ heads: 1 }).instance)
  const loaded = await Effect.runPromise(loadHead(folder, instance, model))
  expect([...loaded.parameters.keys()]).toEqual([
    "blocks.0.layers.0.weight",
    "blocks.0.layers.0.bias",
    "lm_heads.0.weight",
  ])
  loaded.dispose()
  const other = { ...model, architecture: { ...model.architecture, hiddenSize: 8 } }
  const refused = await Effect.runPromise(Effect.flip(loadHead(folder, instance, other)))
  expect(refused.message).toContain(
    "was made for a llama of hidden size 16 and 257 ids; the target, a llama, has 8 and 257",
  )
  model.dispose()
  expect(tf.memory().numTensors).toBe(before)
})

test("again, nothing is computed; an experiment rebuilt from its config is the same run; no tensor is left", async () => {
  const tensors = tf.memory().numTensors
  const { config } = await Effect.runPromise(resolve(experiment))
  const rebuilt = await Effect.runPromise(fromConfig(JSON.parse(JSON.stringify(config)), registryOf(experiment)))
  const again = await Effect.runPromise(runIn(home, () => {}, rebuilt))
  expect([again.computed, again.directory]).toEqual([0, whole.directory])
  expect(tf.memory().numTensors).toBe(tensors)
})

test("a head that is interrupted ends with the weights of one that was not", async () => {
  const other = mkdtempSync(join(tmpdir(), "winnow-heads-resumed-"))
  const stage = "arm target, seed 1"
  let last = 0
  let stop = () => {}
  const fiber = Effect.runFork(
    runIn(other, (event) => {
      if (event._tag !== "progress" || event.stage !== stage) return
      last = event.done
      if (event.done === 25) stop()
    }),
  )
  stop = () => fiber.interruptUnsafe()
  await Effect.runPromise(Fiber.await(fiber))
  expect(last).toBeWithin(25, 60)
  const steps: Array<number> = []
  await Effect.runPromise(
    runIn(other, (event) => {
      if (event._tag === "progress" && event.stage === stage) steps.push(event.done)
    }),
  )
  expect(steps[0]).toBe(last + 1)
  const weights = (folder: string) => Bun.file(join(artifactOf(stage, folder), "head.safetensors")).bytes()
  expect(await weights(other)).toEqual(await weights(home))
})

test("an exported head is the bytes of the run, or vLLM's layout of them; its folder opens on the target", async () => {
  const out = mkdtempSync(join(tmpdir(), "winnow-heads-export-"))
  const exported = (to: string, more: Partial<ExportRequest> = {}) =>
    Effect.runPromise(
      exportModel({
        directory: whole.directory,
        name: "text",
        seed: 1,
        dtype: "float32",
        home,
        to: join(out, to),
        ...more,
      }),
    )
  const own = await exported("own")
  expect(own.sha256.exported).toBe(own.sha256.recorded)
  expect(own.files.map(({ file }) => file)).toEqual(["head.safetensors", "head.json", "README.md"])
  const model = await Effect.runPromise(loadModel(artifactOf("target"), [llama]))
  const instance = await Effect.runPromise(medusa({ heads: 1 }).instance)
  const loaded = await Effect.runPromise(loadHead(join(out, "own"), instance, model))
  loaded.dispose()
  model.dispose()
  await exported("vllm", { engine: "vllm" })
  const config = JSON.parse(readFileSync(join(out, "vllm", "config.json"), "utf8"))
  expect(config).toMatchObject({ model_type: "medusa", num_heads: 1, hidden_size: 16, vocab_size: 257 })
  expect(readFileSync(join(out, "vllm", "README.md"), "utf8")).toContain("--speculative-config")
  await expect(exported("sglang", { engine: "sglang" })).rejects.toThrow("sglang reads no Medusa heads")
  await expect(exported("half", { dtype: "bfloat16" })).rejects.toThrow("a head is written in float32")
})

test("settings that need a model are refused before any work", async () => {
  const refused = async (of: Experiment) => (await Effect.runPromise(Effect.flip(resolve(of)))).message
  const { filter: _, ...rest } = { ...training, loss: kl() }
  const arms = {
    partial: arm({ ...rest, filter: everything(), frozen: ["head"] }),
    following: arm({ ...rest, filter: behind(), reference: ema({ decay: 0.9 }) }),
    writing: arm({ ...rest, filter: everything(), text: { kind: "written", by: "start" } }),
  }
  const many = await refused({ ...experiment, arms, about: "partial" })
  expect(many).toContain("arms.partial.frozen: head medusa is trained whole; leave frozen out")
  expect(many).toContain("arms.following: a reference of kind average follows a model, and medusa is a head")
  expect(many).toContain("arms.writing.text: head medusa writes no text")
  const sweep = { over: { steps: [4, 8] }, seed: 9, by: "loss" as const }
  expect(await refused({ ...experiment, sweep })).toContain("sweep.by: it reads a model, and draft.start is a head")
  // A random choice of examples reads no model.
  const chosen = { chosen: arm({ ...rest, filter: everything(), examples: randomExamples({ k: 0.5 }) }) }
  await Effect.runPromise(resolve({ ...experiment, arms: chosen, about: "chosen" }))
})

test("a search tries heads by their measure", async () => {
  const searched: Experiment = {
    ...experiment,
    name: "searched heads",
    arms: { target: arm({ ...training, steps: 4, loss: kl() }) },
    sweep: { over: { "optimizer.learningRate": [0.001, 0.01] }, by: accuracy({ objective }), seed: 9, prompts: 6 },
  }
  const { study } = await Effect.runPromise(runIn(home, () => {}, searched))
  expect(measuresRecord.assert(JSON.parse(JSON.stringify(study))).arms.sweep!.arms[0]!.tried).toHaveLength(2)
})

test("measured by decoding: acceptance, tau and speed-up as of a draft; docs/recheck.py finds every figure", async () => {
  const { measures: _, ...rest } = experiment
  const decoded: Experiment = {
    ...rest,
    name: "decoded heads",
    draft: { start: head(medusa({ heads: 2 })) },
    arms: {
      target: arm({ ...training, loss: kl() }),
      chosen: arm({
        ...training,
        filter: behind(),
        loss: kl(),
        reference: { kind: "trained", steps: 4, batchSize: 8, start: fresh(target) },
      }),
    },
    about: "target",
    measure: { prompts: 20, gamma: 2, gammas: [1, 2, 4], maxNew: 10, temperature: 1, timedPrompts: 4 },
  }
  const { directory } = await Effect.runPromise(runIn(home, () => {}, decoded))
  const run = JSON.parse(readFileSync(join(directory, "run.json"), "utf8"))
  const row = run.rows.find(({ name }: { name: string }) => name === "target")
  expect(row.greedyAcceptance.value).toBeGreaterThan(0.5)
  expect(row.tau.value).toBeWithin(1.5, 3)
  expect(row.expectedAcceptance.value).toBeGreaterThan(0.4)
  // The filter's choice divides the figures of a head too, at the tokens behind the target's own.
  const chosen = run.rows.find(({ name }: { name: string }) => name === "chosen")
  expect(chosen.kept.share.value).toBeWithin(0.2, 0.8)
  for (const part of ["kept", "dropped", "baselineKept"]) expect(chosen.kept[part].value).toBeWithin(0, 1.001)
  const recheck = Bun.spawnSync(["python3", join(import.meta.dir, "../../../docs/recheck.py"), directory])
  expect(recheck.stdout.toString()).toContain("0 differ")
})

for (const by of ["greedyAcceptance", "expectedAcceptance"] as const)
  test(`a search tries heads by ${by}, which decoding with the target's states gives`, async () => {
    const { measures: _, ...rest } = experiment
    const searched: Experiment = {
      ...rest,
      name: "decoded heads, searched",
      draft: { start: head(medusa({ heads: 2 })) },
      arms: { target: arm({ ...training, loss: kl() }) },
      about: "target",
      measure: { prompts: 10, gamma: 2, gammas: [2], maxNew: 10, temperature: 1, timedPrompts: 1 },
      sweep: { over: { "optimizer.learningRate": [0.00001, 0.01] }, by, prompts: 10 },
    }
    const { directory } = await Effect.runPromise(runIn(home, () => {}, searched))
    const run = JSON.parse(readFileSync(join(directory, "run.json"), "utf8"))
    const [slow, fast] = run.sweep.arms[0].tried.map(({ score }: { score: number }) => score)
    expect(fast).toBeGreaterThan(slow)
  })
