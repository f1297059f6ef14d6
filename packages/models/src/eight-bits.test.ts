/** Decoders whose weights are in 8 bits: one row or many, near the model of the rounded weights, variables beside, refusals. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Decoder } from "@winnow/core"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { Blocks, Floats, nativeDecodingInUse, openEngine, tf, withoutNative } from "@winnow/tensor"
import { Effect } from "effect"
import { copyModelFolder } from "./copy-folder.ts"
import { loadDecoder, saveModel } from "./files.ts"
import { initialise } from "./initialise.ts"
import { logitsOf } from "./model.ts"
import type { NativeParameters } from "./native-parameters.ts"
import { openSafetensors, writeSafetensors } from "./safetensors.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-q8-"))
afterAll(() => rmSync(root, { recursive: true }))
const run = Effect.runPromise

const V = 2100
/** Odd widths: heads of 10, a feed-forward of 45, files with transposed matrices. */
const models = {
  llama: llama({
    ...{ vocab_size: V, hidden_size: 40, intermediate_size: 45, num_hidden_layers: 2, max_position_embeddings: 64 },
    ...{ num_attention_heads: 4, num_key_value_heads: 2 },
  }),
  tied: llama({
    ...{ vocab_size: V, hidden_size: 64, intermediate_size: 96, num_hidden_layers: 1, max_position_embeddings: 64 },
    ...{ num_attention_heads: 4, tie_word_embeddings: true },
  }),
  gpt2: gpt2({ vocab_size: V, n_embd: 36, n_layer: 2, n_head: 3, n_positions: 64 }),
}

beforeAll(async () => {
  await openEngine()
  for (const [name, { instance }] of Object.entries(models)) {
    const model = initialise(await run(instance), 3)
    await run(saveModel(model, join(root, name)))
    model.dispose()
  }
})

const open = (name: string, precision?: "float32" | "bfloat16" | "q8"): Promise<Decoder> =>
  run(loadDecoder(join(root, name), [llama, gpt2], { precision }))

const ids = Int32Array.from({ length: 12 }, (_, i) => (i * 337) % V)
const inUse = () => [nativeDecodingInUse().count, nativeDecodingInUse().bytes, tf.memory().numTensors]

/** Logits of every position, the text cut into calls of these lengths. */
const decoded = (model: Decoder, ...cuts: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<number>> => {
  const decoding = model.decoding()
  const rows: Array<ReadonlyArray<number>> = []
  let at = 0
  for (const T of cuts) {
    const logits = decoding.quick!.logits(ids.subarray(at, at + T), 1, T)
    for (let t = 0; t < T; t++) rows.push(Array.from(logits.row(t)))
    at += T
  }
  decoding.dispose()
  return rows
}
const distance = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) =>
  Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0) / b.reduce((sum, x) => sum + x * x, 0))

const withNative = test.skipIf(process.env["WINNOW_NATIVE"] === "off")

for (const name of Object.keys(models))
  withNative(
    `${name}: a verified block has the bits of single tokens, and is near the plain model of the same weights`,
    async () => {
      const before = inUse()
      const [model, whole] = [await open(name, "q8"), await open(name)]
      const singles = decoded(model, ...Array<number>(12).fill(1))
      for (const cuts of [[12], [1, 5, 5, 1], [7, 5]]) expect(decoded(model, ...cuts)).toEqual(singles)
      // float32 products of the rounded weights: the rounding of inputs is left
      const plain = withoutNative(() =>
        tf.tidy(() => logitsOf(model, tf.tensor2d(ids, [1, 12], "int32")).arraySync()[0]!),
      )
      const exact = decoded(whole, 12)
      for (let t = 0; t < 12; t++) {
        expect(distance(singles[t]!, plain[t]!)).toBeWithin(1e-4, 0.03)
        expect(distance(singles[t]!, exact[t]!)).toBeWithin(1e-4, 0.05)
      }
      // every variable was asked for; decoding goes on in 8 bits
      expect(decoded(model, 12)).toEqual(singles)
      const { weight } = model.parameters as NativeParameters
      for (const matrix of [...model.architecture.matrices, model.architecture.head, model.architecture.embedding])
        expect(weight(matrix)).toBeInstanceOf(Blocks)
      for (const one of [model, whole]) one.dispose()
      expect(inUse()[0]).toBe(before[0]!)
      expect(inUse()[1]).toBe(before[1]!)
    },
  )

withNative("the greedy choice and its margin are those of the logits", async () => {
  const model = await open("tied", "q8")
  const [a, b] = [model.decoding(), model.decoding()]
  const { argmax, margin } = a.quick!.greedy(ids, 1, 12, true)
  const logits = b.quick!.logits(ids, 1, 12)
  for (let t = 0; t < 12; t++) {
    const [first, second] = Array.from(logits.row(t), (x, id) => [x, id] as const).sort((x, y) => y[0] - x[0])
    expect([argmax[t], margin[t]]).toEqual([first![1], Math.fround(first![0] - second![0])])
  }
  for (const one of [a, b, model]) one.dispose()
})

withNative("bfloat16: matrices are rounded while they are read, with the bits of copies in bfloat16", async () => {
  const before = inUse()
  const [model, whole] = [await open("tied", "bfloat16"), await open("tied")]
  const { architecture, parameters } = model
  expect((parameters as NativeParameters).halfBytes).toBe(2 * (4 * 64 * 64 + 3 * 64 * 96))
  expect((parameters as NativeParameters).weight(architecture.head)).toBeInstanceOf(Floats)
  const rounded = decoded(model, 12)
  expect(rounded).not.toEqual(decoded(whole, 12))
  whole.dispose()
  const other = await open("tied", "bfloat16")
  other.parameters.forEach(() => {}) // now all are variables, and decoding makes copies
  expect(decoded(other, 12)).toEqual(rounded)
  for (const one of [model, other]) one.dispose()
  expect(inUse()).toEqual(before)
})

withNative("a value that is not finite is refused with its place, in any form", async () => {
  const broken = join(root, "broken")
  mkdirSync(broken)
  await run(copyModelFolder(join(root, "tied"), broken, { dtype: "float32", config: {} }))
  const file = openSafetensors(join(broken, "model.safetensors"))
  const sources = Array.from(file.tensors, ([name, { shape }]) => {
    const data = file.read(name)
    if (name === "model.layers.0.mlp.up_proj.weight") data[64 * 5 + 7] = Number.POSITIVE_INFINITY
    return { name, shape, data }
  })
  file.close()
  writeSafetensors(join(broken, "model.safetensors"), sources)
  const before = inUse()
  for (const precision of ["float32", "bfloat16", "q8"] as const) {
    const { message } = await run(Effect.flip(loadDecoder(broken, [llama], { precision })))
    expect(message).toContain("up_proj.weight: one value not finite, the first is Infinity at [5, 7]")
  }
  expect(inUse()).toEqual(before)
})

test("without native code weights in 8 bits are refused", async () => {
  const failed = withoutNative(() =>
    Effect.runSync(Effect.flip(loadDecoder(join(root, "llama"), [llama], { precision: "q8" }))),
  )
  expect(failed).toMatchObject({
    what: expect.stringContaining("precision q8"),
    problems: [expect.stringContaining("read by native code")],
  })
})
