import { expect, test } from "bun:test"
import type { DraftRows } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { nextToken } from "@winnow/objective-next-token"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { agreement } from "./index.ts"

const V = 6

/** An entry that predicts these tokens. */
const predicts = (ids: ReadonlyArray<number>, at_M?: Int32Array): DraftRows => ({
  h_Md: tf.oneHot(tf.tensor1d([...ids], "int32"), V, 1, 0, "float32") as tf.Tensor2D,
  head_Vd: tf.eye(V),
  ...(at_M && { at_M }),
})

const examples = [
  { ids: Int32Array.of(1, 1, 1, 2), promptLength: 1 },
  { ids: Int32Array.of(3, 4, 5), promptLength: 2 },
]
const input = { targetRows: () => predicts([1, 2, 3, 4]), examples, vocabularySize: V }

test("the target's predictions are what counts, not the text; nothing stays alive", async () => {
  const before = tf.memory().numTensors
  const measure = await instanceOf(agreement({ objective: nextToken() }))
  const of = (entry: () => DraftRows) => measure.of({ ...input, rows: () => [entry()], rng: seeded(1) })
  expect(of(() => predicts([1, 2, 3, 4]))).toEqual([
    [3, 3],
    [1, 1],
  ])
  // The text itself is 1, 1, 2 and 5.
  expect(of(() => predicts([1, 1, 2, 5]))).toEqual([
    [1, 3],
    [0, 1],
  ])
  // A head that predicts only the second and the third row.
  expect(of(() => predicts([2, 0], Int32Array.of(1, 2)))).toEqual([
    [1, 2],
    [0, 0],
  ])
  expect(tf.memory().numTensors).toBe(before)
  expect([measure.unit, measure.better]).toEqual(["%", "higher"])
})

test("the plugin declares that it reads the target", () => {
  expect(agreement({ objective: nextToken() }).reads).toEqual(["rows", "targetRows"])
})
