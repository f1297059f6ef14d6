/** `winnow adapt`: one shared file and a private one for each target, stages that are reused, and refusals. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { HeadUse } from "@winnow/core"
import { datasetsLayer, tokenizerFiles, trainBpe } from "@winnow/data"
import { sha256OfFile } from "@winnow/files"
import { mahalanobis } from "@winnow/filter-mahalanobis"
import { eagle } from "@winnow/head-eagle"
import { medusa } from "@winnow/head-medusa"
import { type AdaptRequest, adapt, Progress, prompts, Store, withDevices, workers } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { initialise, initialiseHead, loadHead, loadModel, saveHead, saveModel } from "@winnow/models"
import { Effect, Layer } from "effect"
import { adaptReport } from "./adapt.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-adapt-"))
const at = (...parts: ReadonlyArray<string>) => join(root, ...parts)
const words = ["How many apples has Anna?", "Ben buys 3 pens for 4 dollars.", "Who is there? Nobody."]
const tokenizer = trainBpe(words, { vocabularySize: 280 })
const layers = Layer.mergeAll(Store.layer(at("store")), datasetsLayer({ folder: undefined }), Progress.silent)

const saved = async (name: string, width: number, seed: number) => {
  const sizes = {
    vocab_size: tokenizer.vocabularySize,
    hidden_size: width,
    num_hidden_layers: 1,
    num_attention_heads: 2,
  }
  const architecture = await Effect.runPromise(llama({ ...sizes, max_position_embeddings: 96 }).instance)
  const model = initialise(architecture, seed)
  mkdirSync(at(name))
  await Effect.runPromise(saveModel(model, at(name)))
  for (const [file, text] of Object.entries(tokenizerFiles(tokenizer))) writeFileSync(at(name, file), text)
  model.dispose()
}
beforeAll(async () => {
  await saved("draft", 8, 1)
  await saved("law", 16, 2)
  await saved("code", 16, 3)
  await saved("other", 8, 4)
  const lines = Array.from({ length: 60 }, (_, i) => JSON.stringify({ prompt: `${words[i % 3]} ${i}`, more: i }))
  writeFileSync(at("prompts.jsonl"), lines.join("\n"))
  writeFileSync(at("general.jsonl"), words.map((text) => JSON.stringify({ text })).join("\n"))
})
afterAll(() => rmSync(root, { recursive: true }))

/** Sampled: random weights seldom end a greedy text. */
const request = (changes: Partial<AdaptRequest> = {}): AdaptRequest => ({
  ...{ draft: at("draft"), target: at("law"), prompts: at("prompts.jsonl"), to: at("to"), name: "law" },
  ...{ form: { size: 3, gate: "joint" }, steps: 4, batchSize: 2, learningRate: 0.01, loss: kl() },
  ...{ temperature: 1, maxNew: 48, maxLength: 80, seed: 0 },
  ...changes,
})
const run = (changes: Partial<AdaptRequest> = {}) =>
  Effect.runPromise(adapt(request(changes)).pipe(Effect.provide(layers)))
const refusal = async (changes: Partial<AdaptRequest>) =>
  (await Effect.runPromise(Effect.flip(adapt(request(changes)).pipe(Effect.provide(layers))))).message

test("two targets have one shared file and a private one each; a repeated run computes nothing", async () => {
  const law = await run()
  expect(law.parameters.private).toBe(3 * 3 * 8 + 2 * 8)
  expect(law.texts.written).toBe(60)
  expect(law.texts.read + law.texts.leftOut).toBe(60)
  expect(law.training.steps).toBe(4)
  const code = await run({ target: at("code"), name: "code", form: { size: 2, gate: "none" } })
  expect(readdirSync(at("to")).toSorted()).toEqual(["code", "law", "shared"])
  expect(readdirSync(code.directory).toSorted()).toEqual(["config.json", "private.safetensors"])
  expect(sha256OfFile(join(code.shared, "model.safetensors"))).toBe(sha256OfFile(at("draft", "model.safetensors")))
  expect(existsSync(join(code.shared, "tokenizer.json"))).toBe(true)
  const models = await Promise.all([law, code].map(({ directory }) => Effect.runPromise(loadModel(directory, [llama]))))
  const own = models.map(({ parameters }) => [...parameters.keys()].filter((name) => name.includes(".private.")).length)
  expect(own).toEqual([5, 3])
  const trained = models[0]!.parameters.get("model.layers.0.mlp.private.down.weight")!.dataSync()
  expect(trained.some((x) => x !== 0)).toBe(true)
  for (const model of models) model.dispose()
  // The folders may move together.
  cpSync(at("to"), at("moved"), { recursive: true })
  rmSync(at("to"), { recursive: true })
  ;(await Effect.runPromise(loadModel(at("moved", "law"), [llama]))).dispose()
  expect((await run()).computed).toBe(0)
  const lines = adaptReport(law, "law").split("\n")
  expect(lines[0]).toMatch(/^law: a private part of 88 parameters, \d+\.\d % of the draft$/)
  expect(lines.every((line) => line.length <= 200)).toBe(true)
})

test("a head of the first target gets a private part for the second, beside one shared file; other heads have no place", async () => {
  const target = await Effect.runPromise(loadModel(at("law"), [llama]))
  const saveIn = async (name: string, of: HeadUse) => {
    const instance = await Effect.runPromise(of.instance)
    const made = initialiseHead(instance, target, 1)
    mkdirSync(at(name))
    await Effect.runPromise(saveHead(made, await Effect.runPromise(of.decoded), at(name)))
    made.dispose()
  }
  await saveIn("head", eagle())
  await saveIn("medusa", medusa({ heads: 1 }))
  target.dispose()
  const asked = { draft: at("head"), head: eagle(), target: at("code"), to: at("heads"), name: "code" }
  const { directory, shared, parameters, training } = await run(asked)
  expect(parameters.private).toBe(3 * 3 * 16 + 2 * 16)
  expect(training.steps).toBe(4)
  expect(readdirSync(directory).toSorted()).toEqual(["head.json", "private.safetensors"])
  expect(sha256OfFile(join(shared, "head.safetensors"))).toBe(sha256OfFile(at("head", "head.safetensors")))
  const own = eagle({ private: { size: 3, gate: "joint" } })
  const code = await Effect.runPromise(loadModel(at("code"), [llama]))
  const opened = await Effect.runPromise(loadHead(directory, await Effect.runPromise(own.instance), code))
  const down = opened.parameters.get("layers.0.mlp.private.down.weight")!.dataSync()
  expect(down.some((x) => x !== 0)).toBe(true)
  for (const one of [opened, code]) one.dispose()
  expect((await run({ ...asked, to: at("again") })).computed).toBe(0)
  expect(await refusal({ ...asked, draft: directory, head: own, name: "further" })).toContain("is a private part")
  expect(await refusal({ ...asked, draft: at("medusa"), head: medusa({ heads: 1 }), to: at("none") })).toContain(
    "head medusa is trained whole; leave adapters out",
  )
})

test("examples are chosen beside general text", async () => {
  const general = prompts({ file: at("general.jsonl") })
  const half = await run({ name: "half", examples: mahalanobis({ general, k: 0.5 }) })
  const all = 60 - half.texts.leftOut
  expect(half.texts.read).toBe(Math.floor(0.5 * (all - 1)) + 1)
})

test("worker processes write the text, and two train the part of one process together, to the last byte", async () => {
  const plugins = [Bun.resolveSync("@winnow/loss-kl", import.meta.dir)]
  const there = Layer.mergeAll(
    Store.layer(at("store-of-workers")),
    datasetsLayer({ folder: undefined }),
    Progress.silent,
    withDevices(2, workers(1)),
  )
  const asked = request({ to: at("by-workers"), plugins, microBatches: 2 })
  const { directory, computed } = await Effect.runPromise(adapt(asked).pipe(Effect.provide(there)))
  expect(computed).toBeGreaterThan(3)
  const alone = await run({ to: at("by-one"), microBatches: 2 })
  const [ours, theirs] = [directory, alone.directory].map((folder) => sha256OfFile(join(folder, "private.safetensors")))
  expect(ours).toBe(theirs!)
  const one = adapt(request({ to: at("by-none"), plugins })).pipe(Effect.provide(there), Effect.flip)
  expect((await Effect.runPromise(one)).message).toContain("a step has one; add --micro-batches 2 with a smaller")
})

test("taken folders, another draft, a private draft and lines that are no prompts are refused before any work", async () => {
  await run()
    .catch(() => undefined)
    .then(() => undefined)
  expect(await refusal({})).toContain("is there already; give another --name, or remove that folder")
  expect(await refusal({ name: "Law!" })).toContain("--name Law!: expected lower-case letters")
  expect(await refusal({ draft: at("other"), name: "new" })).toContain("is another draft than")
  expect(await refusal({ draft: at("to", "law"), name: "new" })).toContain("is a private part; give the shared part")
  writeFileSync(at("bad.jsonl"), '{"prompt": 3}\nno json\n{"prompt": "yes"}')
  const bad = await refusal({ prompts: at("bad.jsonl"), name: "new" })
  expect(bad).toContain("line 1: prompt must be a string")
  expect(bad).toContain("line 2: found no json, no JSON")
  expect(await refusal({ prompts: at("none.jsonl"), name: "new" })).toContain("none.jsonl")
})
