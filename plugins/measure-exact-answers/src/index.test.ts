import { expect, test } from "bun:test"
import type { Problem } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { exactAnswers } from "./index.ts"

const V = 6

/** The rows of a draft that predicts at each row the token after the one that it reads there. */
const counting = ({ ids_BT, row_N }: Problem) => [
  {
    h_Md: tf.oneHot(
      tf.tensor1d(
        row_N.map((row) => (ids_BT[row]! + 1) % V),
        "int32",
      ),
      V,
      1,
      0,
      "float32",
    ) as tf.Tensor2D,
    head_Vd: tf.eye(V),
  },
]

test("a text counts if all tokens of its answer are predicted; the prompt is not asked for", async () => {
  const before = tf.memory().numTensors
  const measure = await instanceOf(exactAnswers())
  const examples = [
    { ids: Int32Array.of(5, 1, 2, 3), promptLength: 2 }, // right
    { ids: Int32Array.of(1, 2, 3, 5), promptLength: 1 }, // wrong at its end
    { ids: Int32Array.of(4, 4), promptLength: 1 }, // wrong
    { ids: Int32Array.of(4, 5), promptLength: 1 }, // right
  ]
  expect(measure.of({ rows: counting, examples, vocabularySize: V, rng: seeded(1) })).toEqual([
    [1, 1],
    [0, 1],
    [0, 1],
    [1, 1],
  ])
  expect(tf.memory().numTensors).toBe(before)
  expect([measure.unit, measure.better]).toEqual(["%", "higher"])
})
