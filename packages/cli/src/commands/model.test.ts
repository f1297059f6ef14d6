/** `winnow model`: its figures against the model's own, its report, and the loader's refusals. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { byteTokenizer, tokenizerFiles } from "@winnow/data"
import { trainingBytes } from "@winnow/lab"
import { gptNeox } from "@winnow/model-gpt-neox"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { modernbert } from "@winnow/model-modernbert"
import { copyModelFolder, initialise, parameterCount, saveModel } from "@winnow/models"
import { Effect } from "effect"
import { computeModelFacts } from "./model-facts.ts"
import { modelReport } from "./model-report.ts"
import { hostedCli } from "./run-cli.fixture.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-model-"))
afterAll(() => rmSync(root, { recursive: true }))

const sizes = { vocab_size: 300, max_position_embeddings: 64 }
const wide = { hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 4 }
const uses = {
  llama: llama({ ...sizes, ...wide, num_key_value_heads: 2, attention_bias: true, tie_word_embeddings: true }),
  gpt_neox: gptNeox({ ...sizes, ...wide }),
  gpt2: gpt2({ vocab_size: 300, n_positions: 64, n_embd: 16, n_layer: 2, n_head: 4 }),
}
const folders = Object.keys(uses) as ReadonlyArray<keyof typeof uses>

beforeAll(async () => {
  for (const name of folders) {
    const model = initialise(await Effect.runPromise(uses[name].instance), 1)
    const extra = { use_cache: true, mystery: [1, 2], sliding_window: null }
    await Effect.runPromise(saveModel(model, join(root, name), extra))
    model.dispose()
  }
})

const facts = (folder: string) => Effect.runPromise(computeModelFacts(join(root, folder)))

describe.each(folders)("%s", (name) => {
  test("every parameter is of a part, and the numbers are those of the architecture", async () => {
    const { parameters, family } = await facts(name)
    const architecture = await Effect.runPromise(uses[name].instance)
    const numbers = parameters.tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
    expect([family, numbers, parameters.all]).toEqual([
      name,
      parameterCount(architecture),
      parameterCount(architecture),
    ])
    expect(parameters.tensors.filter(({ part }) => part === "other")).toEqual([])
    const ofPart = (part: string) => parameters.tensors.filter((tensor) => tensor.part === part).map((t) => t.name)
    expect(ofPart("attention").length).toBe(name === "llama" ? 2 * 8 : 2 * 4) // Matrices and biases of two layers.
    expect(ofPart("attention").every((tensor) => /attn|attention/.test(tensor))).toBe(true)
    expect(ofPart("feed-forward").every((tensor) => tensor.includes("mlp"))).toBe(true)
  })

  test("each key of config.json has its part", async () => {
    const { config } = await facts(name)
    const part = (key: string) => config.find((entry) => entry.key === key)!.part
    const parts = ["vocab_size", "use_cache", "sliding_window", "mystery"].map(part).join()
    expect(parts).toBe("used,ignored,ignored,unknown")
  })

  test("the report fits 80 columns", async () => {
    const report = modelReport(await facts(name))
    expect(report.split("\n").filter((line) => Bun.stringWidth(line) > 80)).toEqual([])
    expect(report).toContain("mystery: not a setting that is known here")
  })
})

test("the memory is of weights in float32, and keys and values of all layers", async () => {
  const { memory, parameters } = await facts("llama")
  expect(memory.weights).toBe(4 * parameters.all)
  expect(memory.file).toBe(4 * parameters.all)
  // 2 layers, 2 heads of keys and of values with 4 numbers of 4 bytes.
  expect(memory.decoding?.perPosition).toBe(2 * 2 * 2 * 4 * 4)
  expect(memory.training.length).toBe(64) // The model has no more positions.
})

test("an encoder is not decoded, and its memory to train is that of the estimate for experiments", async () => {
  const use = modernbert({ ...sizes, ...wide, intermediate_size: 24, max_position_embeddings: 512 })
  const architecture = await Effect.runPromise(use.instance)
  const model = initialise(architecture, 1)
  await Effect.runPromise(saveModel(model, join(root, "encoder")))
  model.dispose()
  const answer = await facts("encoder")
  const { decoding, training } = answer.memory
  expect([decoding, training.length]).toEqual([null, 256])
  expect(training.parameters + training.activations).toBe(trainingBytes(architecture, 1024, 256))
  expect(modelReport(answer).replace(/\s+/g, " ")).toMatch(/ to train \S+ MB: .* 1,024 tokens a batch in rows of 256 /)
})

test("matrices that the file has in bfloat16 stay that to decode", async () => {
  const folder = join(root, "halves")
  mkdirSync(folder)
  const options = { ...sizes, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 40 }
  const model = initialise(await Effect.runPromise(llama(options).instance), 1)
  await Effect.runPromise(saveModel(model, join(root, "whole")))
  model.dispose()
  await Effect.runPromise(copyModelFolder(join(root, "whole"), folder, { dtype: "bfloat16", config: {} }))
  const { memory, parameters } = await facts("halves")
  // all but three norms of 32, and a matrix with rows of 40
  expect(memory.decodedWeights).toBe(2 * (parameters.all - 3 * 32 - 32 * 40) + 4 * (3 * 32 + 32 * 40))
  expect(memory.weights).toBe(4 * parameters.all)
  const report = modelReport(await facts("halves"))
  expect(report).toContain("  1 layer of width 32, vocabulary of 300\n")
  expect(report).toContain("matrices in")
  expect(report.split("\n").filter((line) => Bun.stringWidth(line) > 80)).toEqual([])
})

test("the tokenizer beside a model, and rows that it has no token for", async () => {
  expect((await facts("gpt2")).tokenizer).toEqual({ file: null, others: [] })
  writeFileSync(join(root, "gpt2", "vocab.json"), "{}")
  expect(modelReport(await facts("gpt2"))).toContain("no tokenizer.json; vocab.json is not read")
  const tokenizer = byteTokenizer
  for (const [name, text] of Object.entries(tokenizerFiles(tokenizer))) writeFileSync(join(root, "gpt2", name), text)
  const report = modelReport(await facts("gpt2"))
  expect(report).toContain(`${tokenizer.vocabularySize} tokens; ${300 - tokenizer.vocabularySize} rows of the model`)
  expect(report).toContain("beside it  tokenizer_config.json")
})

const hosted = hostedCli()

test("a damaged folder is refused as the loader refuses it, with its exit code", async () => {
  const folder = join(root, "cut")
  mkdirSync(folder)
  copyFileSync(join(root, "llama", "config.json"), join(folder, "config.json"))
  const whole = readFileSync(join(root, "llama", "model.safetensors"))
  writeFileSync(join(folder, "model.safetensors"), whole.subarray(0, whole.length - 5))
  const run = (...args: ReadonlyArray<string>) => hosted(["model", ...args], {})
  const cut = await run(folder)
  expect([cut.code, cut.out]).toEqual([2, ""])
  expect(cut.err).toMatch(/^error: .*the header describes \d+ bytes, the file has \d+: truncated \[WN-201\]\n$/)
  const json = await run(join(root, "llama"), "--json")
  expect([json.code, json.err]).toEqual([0, ""])
  expect(JSON.parse(json.out)).toMatchObject({ family: "llama", tiedHead: true, layers: 2 })
  writeFileSync(join(folder, "config.json"), JSON.stringify({ model_type: "llama", sliding_window: 7 }))
  expect(await run(folder)).toMatchObject({ code: 1, out: "" })
})
