/** Hidden states that a decoding keeps are those of a pass over the whole text, natively and by tensors. */
import { afterAll, expect, test } from "bun:test"
import type { Decoding, TargetLayer } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { native, tf, withoutNative } from "@winnow/tensor"
import { instanceOf, oneWay } from "@winnow/testing"
import { initialise } from "./initialise.ts"
import { hiddenByLayer } from "./model.ts"

const V = 23
const model = initialise(await instanceOf(oneWay({ vocab_size: V, width: 32, depth: 3, heads: 2, length: 64 })), 3)
afterAll(() => model.dispose())
const rng = seeded(1, "ids")
const ids = Int32Array.from({ length: 40 }, () => rng.below(V))
const d = model.architecture.hiddenSize

/** Feeds all ids in pieces, with a roll-back of two positions after each, and collects the states of the layers. */
const collected = (decoding: Decoding, layers: ReadonlyArray<TargetLayer>, natively: boolean) => {
  const states = layers.map(() => new Float32Array(ids.length * d))
  for (let from = 0; from < ids.length; from = decoding.length) {
    const piece = ids.subarray(from, Math.min(ids.length, from + (from === 0 ? 13 : 5)))
    if (natively) decoding.quick!.greedy(piece, 1, 1, false)
    else tf.tidy(() => void decoding.extend(tf.tensor2d(piece, [1, piece.length], "int32")))
    const end = from + piece.length
    decoding.rollback(end === ids.length ? end : end - 2)
    for (const [i, layer] of layers.entries()) {
      const found = decoding.kept!(layer)
      expect(found.length).toBe(piece.length * d)
      states[i]!.set(found, from * d)
    }
  }
  decoding.dispose()
  return states
}

const layers: ReadonlyArray<TargetLayer> = ["last", 2, 0]
const expectStates = (states: ReadonlyArray<Float32Array>) =>
  tf.tidy(() => {
    const ids_BT = tf.tensor2d(ids, [1, ids.length], "int32")
    const all = hiddenByLayer(model, ids_BT)
    for (const [i, layer] of layers.entries()) {
      const expected = (layer === "last" ? model.hidden(ids_BT) : all[layer]!).dataSync()
      const far = states[i]!.reduce((most, x, at) => Math.max(most, Math.abs(x - expected[at]!)), 0)
      expect(far, `layer ${layer}`).toBeLessThan(1e-4)
    }
  })

test("by tensors, recorded steps too", () => {
  const before = tf.memory().numTensors
  withoutNative(() => expectStates(collected(model.decoding(undefined, layers), layers, false)))
  expect(tf.memory().numTensors).toBe(before)
})

test.skipIf(native() === undefined)("natively, and choices are those of a state that keeps none", () => {
  expectStates(collected(model.decoding(undefined, layers), layers, true))
  expectStates(collected(model.decoding(undefined, layers), layers, false))
  const [plain, keeping] = [model.decoding(), model.decoding(undefined, [1])]
  for (const [from, to, rows] of [
    [0, 13, 1],
    [13, 18, 5],
    [18, 25, 3],
  ] as const) {
    const piece = ids.subarray(from, to)
    const [a, b] = [plain, keeping].map((of) => of.quick!.greedy(piece, 1, rows, true))
    expect(b).toEqual(a!)
    const [c, e] = [plain, keeping].map((of) => of.quick!.logits(ids.subarray(to, to + 3), 1, 2))
    for (const r of [0, 1]) expect(e!.row(r)).toEqual(c!.row(r))
    for (const of of [plain, keeping]) of.rollback(to)
  }
  for (const of of [plain, keeping]) of.dispose()
})

test("refusals: a layer that is not there, one that is not kept, and states before the first call", () => {
  expect(() => model.decoding(undefined, [3])).toThrow(
    'there is no layer 3 to keep: expected "last", or 0 (the embedding) to 2',
  )
  const decoding = model.decoding(undefined, [1])
  expect(() => decoding.kept!(1)).toThrow("no states are kept yet")
  expect(() => decoding.kept!("last")).toThrow("layer last is not kept: the decoding state was begun with 1")
  expect(model.decoding().kept).toBeUndefined()
})
