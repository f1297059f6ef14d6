/** Matrices that stay in bfloat16: native decoding has the bits of the same numbers in float32; a variable takes their place. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Decoder } from "@winnow/core"
import { llama } from "@winnow/model-llama"
import {
  Halves,
  nativeDecodingInUse,
  openEngine,
  setPrecision,
  tf,
  weightsWritten,
  withoutNative,
} from "@winnow/tensor"
import { Effect } from "effect"
import { copyModelFolder } from "./copy-folder.ts"
import { loadDecoder, saveModel } from "./files.ts"
import { initialise } from "./initialise.ts"
import { copyModel } from "./model.ts"
import { NativeParameters } from "./native-parameters.ts"
import { openSafetensors, writeSafetensors } from "./safetensors.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-halves-"))
afterAll(() => rmSync(root, { recursive: true }))

// a head of 2^17 numbers and more has a screen; one of the matrices has rows of 40, which stay in float32 alone
const sizes = {
  vocab_size: 2100,
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
}
const [halves, wide, tied] = [join(root, "halves"), join(root, "wide"), join(root, "tied")]
const run = Effect.runPromise
const open = (folder: string): Promise<Decoder> => run(loadDecoder(folder, [llama]))

/** Saves a model in bfloat16, and the same numbers in float32. */
const save = async (tie: boolean, seed: number, ...[half, whole]: ReadonlyArray<string>) => {
  const options = { ...sizes, intermediate_size: 40, max_position_embeddings: 64, tie_word_embeddings: tie }
  const model = initialise(await run(llama(options).instance), seed)
  const folder = mkdtempSync(join(root, "made-"))
  await run(saveModel(model, folder))
  model.dispose()
  mkdirSync(half!)
  await run(copyModelFolder(folder, half!, { dtype: "bfloat16", config: {} }))
  if (whole === undefined) return
  const rounded = await open(half!)
  const copy = copyModel(rounded) // every variable is asked for, so all are float32
  rounded.dispose()
  await run(saveModel(copy, whole))
  copy.dispose()
}
beforeAll(async () => {
  await openEngine()
  await save(false, 3, halves, wide)
  await save(true, 4, tied)
})

const halfBytes = ({ parameters }: Decoder) => (parameters instanceof NativeParameters ? parameters.halfBytes : 0)
const ids = Int32Array.from({ length: 14 }, (_, i) => (i * 337) % sizes.vocab_size)

/** Hidden states, choices, margins and logits of a text in two sequences, cut into pieces, with a roll-back. */
const decoded = (model: Decoder) => {
  const decoding = model.decoding()
  try {
    const { quick } = decoding
    const first = quick!.greedy(ids.subarray(0, 8), 2, 3, true)
    decoding.rollback(3)
    const row = quick!.logits(ids.subarray(8, 12), 2, 2).row(3)
    const hidden = tf.tidy(() => decoding.extend(tf.tensor2d(ids.subarray(12), [2, 1], "int32")).dataSync())
    return [first.argmax, first.margin, row, hidden].map((values) => Array.from(values))
  } finally {
    decoding.dispose()
  }
}

// without native code every weight is float32
const withNative = test.skipIf(process.env["WINNOW_NATIVE"] === "off")

withNative(
  "a model in bfloat16 decodes with the bits of the same numbers in float32, in either precision",
  async () => {
    const before = [nativeDecodingInUse().count, nativeDecodingInUse().bytes, tf.memory().numTensors]
    const [half, whole] = [await open(halves), await open(wide)]
    // queries, keys, values, outputs, gate and up of two layers, embedding and head; the rows of `down` are of 40
    const numbers = 2 * (64 * 64 * 2 + 64 * 32 * 2 + 2 * 64 * 40) + 2 * 2100 * 64
    expect([halfBytes(half), halfBytes(whole)]).toEqual([2 * numbers, 0])
    for (const precision of ["float32", "bfloat16"] as const) {
      const earlier = setPrecision(precision)
      try {
        expect(decoded(half)).toEqual(decoded(whole))
      } finally {
        setPrecision(earlier)
      }
    }
    expect(halfBytes(half)).toBe(2 * numbers)
    half.dispose()
    whole.dispose()
    expect([nativeDecodingInUse().count, nativeDecodingInUse().bytes, tf.memory().numTensors]).toEqual(before)
  },
)

withNative(
  "a variable that is asked for takes the place of its half, in the middle of a text, and counts from then on",
  async () => {
    const [half, whole] = [await open(halves), await open(wide)]
    const name = "model.layers.1.mlp.gate_proj.weight"
    const [a, b] = [half.decoding(), whole.decoding()]
    const next = (n: number) => {
      const text = ids.subarray(4 * n, 4 * n + 4)
      return [a, b].map(({ quick }) => Array.from(quick!.logits(text, 1, 1).row(0)))
    }
    const [first, same] = next(0)
    expect(first).toEqual(same!)
    const bytes = halfBytes(half)
    const [mine, theirs] = [half.parameters.get(name)!, whole.parameters.get(name)!]
    expect(Array.from(mine.dataSync())).toEqual(Array.from(theirs.dataSync()))
    expect(halfBytes(half)).toBe(bytes - 2 * 40 * 64)
    const [second, too] = next(1)
    expect(second).toEqual(too!)
    for (const variable of [mine, theirs]) tf.tidy(() => variable.assign(tf.mul(variable, 1.5)))
    weightsWritten()
    const [third, changed] = next(2)
    expect(third).toEqual(changed!)
    for (const one of [a, b, half, whole]) one.dispose()
  },
)

withNative("everything else sees float32: the plain path, copies, saved files", async () => {
  const [half, whole] = [await open(halves), await open(wide)]
  expect([...half.parameters.keys()]).toEqual([...whole.parameters.keys()])
  const hidden = (model: Decoder) =>
    withoutNative(() => tf.tidy(() => Array.from(model.hidden(tf.tensor2d(ids, [2, 7], "int32")).dataSync())))
  expect(hidden(half)).toEqual(hidden(whole))
  expect(halfBytes(half)).toBeGreaterThan(0) // the head is not part of the hidden states
  const again = join(root, "again")
  await run(saveModel(half, again))
  const [one, other] = [again, wide].map((folder) => openSafetensors(join(folder, "model.safetensors")))
  for (const tensor of one!.tensors.keys()) expect(one!.read(tensor)).toEqual(other!.read(tensor))
  one!.close()
  other!.close()
  expect(halfBytes(half)).toBe(0)
  half.dispose()
  whole.dispose()
})

withNative("a pass over the halves has the same bits, and no half becomes float32", async () => {
  const [half, whole] = [await open(halves), await open(wide)]
  const parameters = half.parameters as NativeParameters
  const { hidden, embedding, head } = half.architecture
  const text = tf.tensor2d(ids, [2, 7], "int32")
  expect([...parameters.frozen.keys()]).toEqual([...whole.parameters.keys()])
  for (const name of [embedding, head]) expect(parameters.frozen.get(name)).toBeInstanceOf(Halves)
  const [bytes, tensors] = [halfBytes(half), tf.memory().numTensors]
  for (const precision of ["float32", "bfloat16"] as const) {
    const earlier = setPrecision(precision)
    const [a, b] = [() => hidden(parameters.frozen, text), () => whole.hidden(text)].map((pass) =>
      tf.tidy(() => Array.from(pass().dataSync())),
    )
    setPrecision(earlier)
    expect(a).toEqual(b!)
  }
  expect([halfBytes(half), tf.memory().numTensors]).toEqual([bytes, tensors])
  for (const one of [text, half, whole]) one.dispose()
})

withNative("an id outside the vocabulary is refused by a pass over halves, and nothing stays", async () => {
  const half = await open(halves)
  const { frozen } = half.parameters as NativeParameters
  const text = tf.tensor2d([[1, sizes.vocab_size]], undefined, "int32")
  const tensors = tf.memory().numTensors
  expect(() => half.architecture.hidden(frozen, text)).toThrow(
    `embedding: id ${sizes.vocab_size} at index 1, expected 0 to ${sizes.vocab_size - 1}`,
  )
  expect(tf.memory().numTensors).toBe(tensors)
  text.dispose()
  half.dispose()
})

withNative("halves at odd places of a file are copied, with the same numbers", async () => {
  const odd = join(root, "odd")
  mkdirSync(odd)
  await run(copyModelFolder(wide, odd, { dtype: "bfloat16", config: {} }))
  const file = openSafetensors(join(odd, "model.safetensors"))
  const sources = Array.from(file.tensors, ([name, { shape }]) => ({ name, shape, data: file.read(name) }))
  file.close()
  // two bytes before the others
  const shifted = [{ name: "beside", shape: [1], data: Float32Array.of(1) }, ...sources]
  writeSafetensors(join(odd, "model.safetensors"), shifted, { dtype: "bfloat16" })
  const [copied, mapped] = [await open(odd), await open(halves)]
  const isMapped = ({ parameters, architecture: { head } }: Decoder) =>
    ((parameters as NativeParameters).weight(head) as Halves).mapped
  expect([isMapped(copied), isMapped(mapped)]).toEqual([false, true])
  expect(decoded(copied)).toEqual(decoded(mapped))
  for (const one of [copied, mapped]) one.dispose()
})

withNative("tied embeddings are one half", async () => {
  const model = await open(tied)
  const numbers = 2 * (64 * 64 * 2 + 64 * 32 * 2 + 2 * 64 * 40) + 2100 * 64
  expect(halfBytes(model)).toBe(2 * numbers)
  const before = decoded(model)
  void model.parameters.get("model.embed_tokens.weight")
  expect(decoded(model)).toEqual(before)
  model.dispose()
})

withNative("a value that is not finite is refused with its place, and nothing stays", async () => {
  const before = [nativeDecodingInUse().count, tf.memory().numTensors]
  const broken = join(root, "broken")
  mkdirSync(broken)
  await run(copyModelFolder(wide, broken, { dtype: "bfloat16", config: {} }))
  const file = openSafetensors(join(broken, "model.safetensors"))
  const sources = Array.from(file.tensors, ([name, { shape }]) => {
    const data = file.read(name)
    if (name === "model.layers.0.mlp.up_proj.weight") data[64 * 5 + 7] = Number.NaN
    return { name, shape, data }
  })
  file.close()
  writeSafetensors(join(broken, "model.safetensors"), sources, { dtype: "bfloat16" })
  const { message } = await run(Effect.flip(loadDecoder(broken, [llama])))
  expect(message).toContain(
    "tensor model.layers.0.mlp.up_proj.weight: one value not finite, the first is NaN at [5, 7]",
  )
  expect([nativeDecodingInUse().count, tf.memory().numTensors]).toEqual(before)
})
