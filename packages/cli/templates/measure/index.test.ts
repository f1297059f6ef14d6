import { expect, test } from "bun:test"
import type { Encoder } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { myMeasure } from "./index.ts"

test("a model that knows nothing is sure of one token in V; nothing stays alive", async () => {
  const V = 4
  const head_Vd = tf.tidy(() => tf.variable(tf.zeros([V, 2])))
  const hidden = (ids_BT: tf.Tensor2D) => tf.ones([...ids_BT.shape, 2]) as tf.Tensor3D
  const model = { hidden, head_Vd, architecture: {} } as unknown as Encoder // The fields that the measure reads.
  const before = tf.memory().numTensors
  const measure = await instanceOf(myMeasure())
  const examples = [{ ids: Int32Array.of(1, 2, 3), promptLength: 1 }]
  expect(measure.of({ model, examples, vocabularySize: V, rng: seeded(1) })).toEqual([[3 / V, 3]])
  expect(tf.memory().numTensors).toBe(before)
  head_Vd.dispose()
})
