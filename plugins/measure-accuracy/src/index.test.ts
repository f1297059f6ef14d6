import { expect, test } from "bun:test"
import type { Problem } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { masked } from "@winnow/objective-masked"
import { nextToken } from "@winnow/objective-next-token"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { accuracy } from "./index.ts"

const V = 5

/** The rows of a draft that predicts at each row the token that it reads there. */
const echo = ({ ids_BT, row_N }: Problem) => [
  {
    h_Md: tf.oneHot(
      tf.tensor1d(
        row_N.map((row) => ids_BT[row]!),
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

const examples = [
  { ids: Int32Array.of(1, 1, 1, 2), promptLength: 1 },
  { ids: Int32Array.of(3, 4), promptLength: 1 },
]
const input = { rows: echo, examples, vocabularySize: V }

test("next tokens: hits and tokens of each text, by hand; nothing stays alive", async () => {
  const before = tf.memory().numTensors
  const measure = await instanceOf(accuracy({ objective: nextToken() }))
  // 1 -> 1 and 1 -> 1 are right, 1 -> 2 and 3 -> 4 are wrong.
  expect(measure.of({ ...input, rng: seeded(1) })).toEqual([
    [2, 3],
    [0, 1],
  ])
  expect(tf.memory().numTensors).toBe(before)
  expect([measure.unit, measure.better]).toEqual(["%", "higher"])
})

test("masked tokens: one that is kept is predicted, one behind the mask is not", async () => {
  const of = (options: object) =>
    instanceOf(accuracy({ objective: masked({ maskId: 0, rate: 1, of: "all", ...options }) })).then((measure) =>
      measure.of({ ...input, rng: seeded(1) }),
    )
  expect(await of({ mask: 0, random: 0, keep: 1 })).toEqual([
    [4, 4],
    [2, 2],
  ])
  expect(await of({ mask: 1, random: 0, keep: 0 })).toEqual([
    [0, 4],
    [0, 2],
  ])
  // Every model predicts the same tokens.
  const half = { rate: 0.5, mask: 0.5, random: 0.25, keep: 0.25 }
  expect(await of(half)).toEqual(await of(half))
})

test("a head: only the rows that it predicts are counted, each by its own text", async () => {
  const measure = await instanceOf(accuracy({ objective: nextToken() }))
  // Of the four rows the second and the last, predicted as 1 and 4.
  const rows = () => [
    {
      h_Md: tf.oneHot(tf.tensor1d([1, 4], "int32"), V, 1, 0, "float32") as tf.Tensor2D,
      head_Vd: tf.eye(V),
      at_M: Int32Array.of(1, 3),
    },
  ]
  expect(measure.of({ ...input, rows, rng: seeded(1) })).toEqual([
    [1, 1],
    [1, 1],
  ])
})
