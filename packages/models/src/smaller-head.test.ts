/** Models whose head predicts some of the ids only: every family, cut, decoded, saved and read again. */
import { afterAll, describe, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Architecture, type Attends, type Encoder, isDecoder } from "@winnow/core"
import { native, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { copyModelFolder } from "./copy-folder.ts"
import { architectureFromConfig, families, loadModel } from "./families.fixture.ts"
import { loadDecoder, saveModel } from "./files.ts"
import { initialise } from "./initialise.ts"
import { modelOfLayers } from "./layers.ts"
import { logitsOf } from "./model.ts"
import { openSafetensors, writeSafetensors } from "./safetensors.ts"
import { architectureOfIds, modelOfIds } from "./smaller-head.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-smaller-head-"))
afterAll(() => rmSync(root, { recursive: true }))

const V = 41
const ids = Int32Array.of(0, 2, 3, 11, 17, 18, 25, 33, 40)
const llamaSizes = {
  vocab_size: V,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 24,
}
const gptSizes = { vocab_size: V, n_embd: 32, n_layer: 2, n_head: 4, n_inner: 24 }
const configOf = (type: string) => ({
  model_type: type,
  initializer_range: 0.4,
  ...(["gpt2", "codegen"].includes(type) ? gptSizes : llamaSizes),
  ...(["gemma2", "gemma3_text", "mistral", "qwen2", "qwen3"].includes(type) && { num_key_value_heads: 2 }),
  ...(type === "codegen" && { rotary_dim: 4 }),
  ...(type === "phi3" && { pad_token_id: 0 }),
})
const inputs = [
  [1, 4, 40, 7, 12],
  [9, 8, 0, 3, 39],
]
const numbers = (model: Encoder) => tf.tidy(() => logitsOf(model, tf.tensor2d(inputs, undefined, "int32")).dataSync())
const run = Effect.runPromise

describe("every family", () => {
  for (const { plugin } of families)
    test(`${plugin}: the logits of the ids that are left, natively too, and the same after saving`, async () => {
      const before = tf.memory().numTensors
      const whole = initialise(architectureFromConfig(configOf(plugin)), 3)
      const part: Encoder = modelOfIds<Attends>(whole, ids)
      expect([part.architecture.headRows, part.architecture.vocabularySize]).toEqual([ids.length, V])
      const [all, some] = [numbers(whole), numbers(part)]
      for (const [i, logit] of some.entries()) {
        const at = Math.floor(i / ids.length) * V + ids[i % ids.length]!
        expect(Math.abs(logit - all[at]!)).toBeLessThan(1e-5 * (1 + Math.abs(logit)))
      }
      if (isDecoder(part) && native() !== undefined) {
        const state = part.decoding()
        const { argmax } = state.quick!.greedy(Int32Array.from(inputs.flat()), 2, 5, false)
        for (const [r, u] of argmax.entries()) {
          const row = some.subarray(r * ids.length, (r + 1) * ids.length)
          expect(row[u]).toBeCloseTo(Math.max(...row), 4)
        }
        state.dispose()
      }
      const dir = mkdtempSync(join(root, `${plugin}-`))
      await run(saveModel(part, dir))
      const read = await run(loadModel(dir))
      expect(read.headIds!.id_U).toEqual(ids)
      expect(numbers(read)).toEqual(some)
      expect(read.architecture.notes ?? []).toEqual([])
      for (const model of [whole, part, read]) model.dispose()
      expect(tf.memory().numTensors).toBe(before)
    })
})

const saved = async (name: string) => {
  const whole = initialise(architectureFromConfig({ ...configOf("llama"), tie_word_embeddings: true }), 3)
  const part = modelOfIds<Attends>(whole, ids)
  const dir = mkdtempSync(join(root, `${name}-`))
  await run(saveModel(part, dir))
  for (const model of [whole, part]) model.dispose()
  return dir
}

test("d2t holds offsets and t2d a mask, as EAGLE-3 has them, in each number format of a copy", async () => {
  const dir = await saved("files")
  const config = JSON.parse(readFileSync(join(dir, "config.json"), "utf8")) as Record<string, unknown>
  expect([config["vocab_size"], config["draft_vocab_size"], config["tie_word_embeddings"]]).toEqual([V, 9, false])
  for (const dtype of ["float32", "bfloat16"] as const) {
    const to = mkdtempSync(join(root, `copy-${dtype}-`))
    await run(copyModelFolder(dir, to, { dtype, config: {} }))
    const file = openSafetensors(join(to, "model.safetensors"))
    const bytesOf = (name: string) => {
      const { begin, end } = file.tensors.get(name)!
      const bytes = new Uint8Array(end - begin)
      file.readBytes(name, bytes)
      return bytes
    }
    expect(file.tensors.get("lm_head.weight")!.shape).toEqual([9, 32])
    expect([file.tensors.get("d2t")!.dtype, file.tensors.get("t2d")!.dtype]).toEqual(["I64", "BOOL"])
    const d2t = Array.from(new BigInt64Array(bytesOf("d2t").buffer), Number)
    expect(d2t).toEqual([0, 1, 1, 8, 13, 13, 19, 26, 32])
    expect(d2t.map((offset, u) => u + offset)).toEqual([...ids])
    expect(Array.from(bytesOf("t2d"))).toEqual(Array.from({ length: V }, (_, id) => (ids.includes(id) ? 1 : 0)))
    file.close()
    const read = await run(loadModel(to))
    expect(read.headIds!.id_U).toEqual(ids)
    read.dispose()
  }
})

test("a folder whose parts contradict each other is refused with the place", async () => {
  const dir = await saved("wrong")
  const at = join(dir, "model.safetensors")
  const file = openSafetensors(at)
  const tensors = [...file.tensors].map(([name, { shape, dtype, begin, end }]) => {
    const all = new Uint8Array(end - begin)
    file.readBytes(name, all)
    return { name, shape, dtype, bytes: (): Uint8Array => all }
  })
  file.close()
  const write = (change: (all: typeof tensors) => typeof tensors) => writeSafetensors(at, change(tensors))
  const refused = () => run(Effect.flip(loadModel(dir))).then(({ message }) => message)
  write((all) => all.filter(({ name }) => name !== "d2t"))
  expect(await refused()).toContain("draft_vocab_size 9 of 41 ids, and the weights have no d2t")
  const other =
    (name: string, bytes: Uint8Array) =>
    (all: typeof tensors): typeof tensors =>
      all.map((one) => (one.name === name ? { ...one, bytes: () => bytes } : one))
  write(other("d2t", new Uint8Array(BigInt64Array.from(ids, () => 0n).buffer).fill(255, 0, 8)))
  expect(await refused()).toContain("d2t: row 0 has id -1; expected increasing ids from 0 to 40")
  write(other("t2d", new Uint8Array(V)))
  expect(await refused()).toContain("t2d says false of id 0, and d2t the contrary")
  write((all) => all.filter(({ name }) => name !== "t2d"))
  const read = await run(loadModel(dir))
  expect(read.headIds!.id_U).toEqual(ids)
  read.dispose()
  const config = JSON.parse(readFileSync(join(dir, "config.json"), "utf8")) as Record<string, unknown>
  const settings = (more: object) => writeFileSync(join(dir, "config.json"), JSON.stringify({ ...config, ...more }))
  settings({ tie_word_embeddings: true })
  expect(await refused()).toContain("draft_vocab_size 9 needs a head apart from the embedding")
  settings({ draft_vocab_size: 42 })
  expect(await refused()).toContain("draft_vocab_size 42 must be a whole number from 1 to vocab_size 41")
})

test("the first rows of the vocabulary are read where they hold every id of the head", async () => {
  const whole = initialise(architectureFromConfig(configOf("llama")), 3)
  const part = modelOfIds<Attends>(whole, Int32Array.of(1, 5, 20))
  const dir = mkdtempSync(join(root, "rows-"))
  await run(saveModel(part, dir))
  const read = await run(loadDecoder(dir, families, { rows: 30 }))
  expect([read.architecture.vocabularySize, read.headIds!.row_V.length]).toEqual([30, 30])
  expect(read.headIds!.id_U).toEqual(Int32Array.of(1, 5, 20))
  const error = await run(Effect.flip(loadDecoder(dir, families, { rows: 20 })))
  expect(error.message).toContain("d2t: row 2 has id 20; expected increasing ids from 0 to 19")
  for (const model of [whole, part, read]) model.dispose()
})

test("some layers of such a model predict the same ids", () => {
  const whole = initialise(architectureFromConfig(configOf("llama")), 3)
  const part = modelOfIds<Attends>(whole, ids)
  const layer = modelOfLayers<Attends>(part, [1])
  expect([layer.headIds!.id_U, layer.architecture.layers]).toEqual([ids, 1])
  for (const model of [whole, part, layer]) model.dispose()
})

test("sizes and ids that do not fit are refused", () => {
  const whole = initialise(architectureFromConfig(configOf("llama")), 3)
  const of = whole.architecture as Architecture<Attends>
  expect(() => architectureOfIds(of, V)).toThrow("expected a whole number from 1 to 40")
  expect(() => architectureOfIds(architectureOfIds(of, 9), 5)).toThrow("predicts 9 of its 41 ids already")
  expect(() => modelOfIds<Attends>(whole, Int32Array.of(3, 3))).toThrow("row 1 has id 3; expected increasing ids")
  expect(() => initialise(architectureOfIds(of, 9), 1)).toThrow("has 9 rows, and ids for all are given")
  whole.dispose()
})
