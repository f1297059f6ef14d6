import { expect, test } from "bun:test"
import { type Problem, rowsAhead, type Seen } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { checkHead, instanceOf } from "@winnow/testing"
import { medusa } from "./index.ts"

test("keeps the laws", async () => {
  await checkHead(medusa())
  await checkHead(medusa({ heads: 2, blocks: 2, vocabulary: "target", bias: false, decay: 0.5 }))
})
test("keeps the laws on a layer below the last one", () => checkHead(medusa({ heads: 2, layer: 3 })))

test("a layer's states pass a norm of the head's own; engines, and a target with a bias, have the last states alone", async () => {
  const instance = await instanceOf(medusa({ heads: 1, layer: 2 }))
  const { parameters, layers, rows, folderFor } = instance.on({ ...sizes, streamSize: D, layers: 4 })
  expect(layers).toEqual([2])
  expect(parameters.get("norm.weight")).toEqual({ shape: [D], init: { kind: "ones" } })
  tf.tidy(() => {
    const values = new Map(
      Array.from(parameters, ([name, { shape }]) => [
        name,
        tf.variable(name === "norm.weight" ? tf.fill([D], 2) : tf.zeros([...shape])),
      ]),
    )
    const state = tf.add(tf.reshape(tf.range(0, 2 * 5 * D), [2, 5, D]), 1) as tf.Tensor3D
    const seen: Partial<Seen> = { targetLayers: new Map([[2, state]]) }
    const [entry] = rows(values, problem, seen as Seen)
    const { row_M } = rowsAhead(problem, 1)
    const found = entry!.h_Md.dataSync()
    for (const [m, row] of row_M.entries()) {
      const x = Array.from({ length: D }, (_, i) => row * D + i + 1)
      const size = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / D + 1e-6)
      for (const [i, value] of x.entries()) expect(found[m * D + i]!).toBeCloseTo((2 * value) / size, 4)
    }
    tf.dispose([...values.values()])
  })
  expect(() => folderFor!("vllm", { parameters: new Map() } as never)).toThrow("it reads layer 2")
  expect(() => instance.on({ ...sizes, hiddenSize: D + 1, streamSize: D, layers: 4 })).toThrow("has a bias")
})

/** Two sequences of tokens 0..5 and 0..2, the first with a prompt of 3, in a batch of 5 positions. */
const problem: Problem = {
  ...{ B: 2, T: 5, tokens: 7 },
  ids_BT: Int32Array.of(0, 1, 2, 3, 4, 0, 1, 0, 0, 0),
  length_B: Int32Array.of(5, 2),
  row_N: Int32Array.of(2, 3, 4, 5, 6),
  gold_N: Int32Array.of(3, 4, 5, 1, 2),
  sequence_N: Int32Array.of(0, 0, 0, 1, 1),
  position_N: Int32Array.of(3, 4, 5, 1, 2),
}
const [D, V] = [4, 7]
const sizes = { hiddenSize: D, vocabularySize: V }

test("head k reads k positions before its row; prompts are read, no head reads across the end of a sequence", () => {
  const { at_M, row_M } = rowsAhead(problem, 1)
  expect([...at_M]).toEqual([0, 1, 2, 4])
  // Token 3 from position 1 of the prompt; token 2 of the second sequence from its position 0, not from the first
  // sequence.
  expect([...row_M]).toEqual([1, 2, 3, 5])
  expect([...rowsAhead(problem, 3).at_M]).toEqual([1, 2])
  expect([...rowsAhead(problem, 5).at_M]).toEqual([])
})

test("begins as the target's own head on the state k positions earlier, weighted by powers of the decay", async () => {
  const { parameters, rows } = (await instanceOf(medusa({ heads: 3, blocks: 2, decay: 0.5 }))).on(sizes)
  expect([...parameters.keys()].slice(0, 5)).toEqual([
    "blocks.0.layers.0.weight",
    "blocks.0.layers.0.bias",
    "blocks.0.layers.1.weight",
    "blocks.0.layers.1.bias",
    "lm_heads.0.weight",
  ])
  expect(new Set([...parameters.values()].map(({ init }) => init.kind))).toEqual(new Set(["zeros", "target head"]))
  tf.tidy(() => {
    const values = new Map(
      Array.from(parameters, ([name, { shape }]) => [name, tf.variable(tf.zeros([...shape]))] as const),
    )
    const targetHidden = tf.reshape(tf.range(0, 2 * 5 * D), [2, 5, D]) as tf.Tensor3D
    const seen: Partial<Seen> = { targetHidden }
    const entries = rows(values, problem, seen as Seen)
    const flat = tf.reshape(targetHidden, [-1, D])
    for (const [i, { h_Md, head_Vd, weight }] of entries.entries()) {
      const { row_M } = rowsAhead(problem, i + 1)
      expect([...h_Md.dataSync()]).toEqual([...tf.gather(flat, tf.tensor1d(row_M, "int32")).dataSync()])
      expect(head_Vd).toBe(values.get(`lm_heads.${i}.weight`)!)
      expect(weight).toBe(0.5 ** i)
    }
    tf.dispose([...values.values()])
  })
})

test("on the target's vocabulary head it has no vocabulary head of its own", async () => {
  const { parameters } = (await instanceOf(medusa({ heads: 2, vocabulary: "target", bias: false }))).on(sizes)
  expect([...parameters]).toEqual([
    ["blocks.0.layers.0.weight", { shape: [D, D], init: { kind: "zeros" } }],
    ["blocks.1.layers.0.weight", { shape: [D, D], init: { kind: "zeros" } }],
  ])
})

test("options: at least one head, and no unknown key", async () => {
  await expect(instanceOf(medusa({ heads: 0 }))).rejects.toThrow("head medusa: heads must be at least 1 (was 0)")
  await expect(instanceOf(medusa.use({ further: 2 }))).rejects.toThrow("head medusa: further must be removed")
})
