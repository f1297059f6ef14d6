import { expect, test } from "bun:test"
import type { DraftRows, Problem } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { nextToken } from "@winnow/objective-next-token"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { absoluteError } from "./index.ts"

const examples = [
  { ids: Int32Array.of(1, 1, 1), promptLength: 1 },
  { ids: Int32Array.of(3, 0), promptLength: 1 },
]
const input = { examples, vocabularySize: 4, rng: seeded(1) }

test("the expected middle minus the exact number, by hand; nothing stays alive", async () => {
  const before = tf.memory().numTensors
  const measure = await instanceOf(absoluteError({ objective: nextToken() }))
  const logit = Math.log(3)
  // q is 3/4 and 1/4, 1/4 and 3/4, 1/2 and 1/2; the middles are 1 and 5.
  const rows = (): ReadonlyArray<DraftRows> => [
    {
      h_Md: tf.tensor2d([logit, 0, 0, logit, 0, 0], [3, 2]),
      head_Vd: tf.eye(2),
      classes: {
        gold_M: Int32Array.of(0, 1, 0),
        numbers: { middle_C: Float32Array.of(1, 5), exact_M: Float32Array.of(0, 4, 9) },
      },
    },
  ]
  const texts = measure.of({ ...input, rows })
  expect(texts.map(([sum, n]) => [sum.toFixed(4), n])).toEqual([
    ["2.0000", 2],
    ["6.0000", 1],
  ])
  expect(tf.memory().numTensors).toBe(before)
  expect([measure.unit, measure.better]).toEqual(["", "lower"])
})

test("a draft that predicts tokens is refused", async () => {
  const measure = await instanceOf(absoluteError({ objective: nextToken() }))
  const rows = ({ row_N }: Problem) => [{ h_Md: tf.zeros([row_N.length, 2]) as tf.Tensor2D, head_Vd: tf.ones([4, 2]) }]
  expect(() => measure.of({ ...input, rows: rows as never })).toThrow("the draft predicts no number")
})
