import { expect, test } from "bun:test"
import type { Problem } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { nextToken } from "@winnow/objective-next-token"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { heldOutLoss } from "./index.ts"

const V = 4
/** Weight of the token that is read, in logits: q is 1/2 there and 1/6 at each of the three others. */
const logit = Math.log(3)

/** A draft that expects each token to be repeated, half of the time. */
const repeating = ({ ids_BT, row_N }: Problem, at_M?: Int32Array) => {
  const read = Int32Array.from(at_M ?? row_N.keys(), (n) => ids_BT[row_N[n]!]!)
  const h_Md = tf.mul(tf.oneHot(tf.tensor1d(read, "int32"), V, 1, 0, "float32"), logit) as tf.Tensor2D
  return [{ h_Md, head_Vd: tf.eye(V), ...(at_M && { at_M }) }]
}

const examples = [
  { ids: Int32Array.of(1, 1, 1, 2), promptLength: 1 },
  { ids: Int32Array.of(3, 0), promptLength: 1 },
]
const input = { examples, vocabularySize: V, rng: seeded(1) }
const rounded = (texts: ReadonlyArray<readonly [number, number]>) => texts.map(([sum, n]) => [sum.toFixed(5), n])

test("the sum of -log q(gold) and the tokens of each text, by hand; nothing stays alive", async () => {
  const before = tf.memory().numTensors
  const measure = await instanceOf(heldOutLoss({ objective: nextToken() }))
  // Of 1 1 1 2 two tokens are repeated and one is not; 0 after 3 is not.
  expect(rounded(measure.of({ ...input, rows: repeating }))).toEqual([
    [(2 * Math.log(2) + Math.log(6)).toFixed(5), 3],
    [Math.log(6).toFixed(5), 1],
  ])
  expect(tf.memory().numTensors).toBe(before)
  expect([measure.unit, measure.better]).toEqual(["nats", "lower"])
})

test("a head: each row that it predicts counts for its own text and its own gold token", async () => {
  const measure = await instanceOf(heldOutLoss({ objective: nextToken() }))
  const rows = (problem: Problem) => repeating(problem, Int32Array.of(1, 3))
  expect(rounded(measure.of({ ...input, rows }))).toEqual([
    [Math.log(2).toFixed(5), 1],
    [Math.log(6).toFixed(5), 1],
  ])
})

test("many rows go through in chunks: a uniform draft has log V at each", async () => {
  const measure = await instanceOf(heldOutLoss({ objective: nextToken() }))
  const long = [{ ids: new Int32Array(1000).fill(2), promptLength: 0 }]
  const rows = ({ row_N }: Problem) => [{ h_Md: tf.zeros([row_N.length, 3]) as tf.Tensor2D, head_Vd: tf.ones([V, 3]) }]
  const [[sum, count]] = measure.of({ ...input, examples: long, rows: rows as never }) as [[number, number]]
  expect(count).toBe(999)
  expect(sum / count).toBeCloseTo(Math.log(V), 5)
})
