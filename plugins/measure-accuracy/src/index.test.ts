import { expect, test } from "bun:test"
import type { Encoder } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { masked } from "@winnow/objective-masked"
import { nextToken } from "@winnow/objective-next-token"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { accuracy } from "./index.ts"

const V = 5

/** A model whose hidden state is its input's one-hot, so that it predicts each token again; it says what it was asked. */
const echo = (attends: "before" | "both", asked: Array<Int32Array | undefined> = []): Encoder => {
  const head_Vd = tf.tidy(() => tf.variable(tf.eye(V)))
  return {
    architecture: { attends, hiddenSize: V, vocabularySize: V },
    hidden: (ids_BT: tf.Tensor2D, start_BT?: Int32Array) => {
      asked.push(start_BT)
      return tf.oneHot(ids_BT, V, 1, 0, "float32") as tf.Tensor3D
    },
    head_Vd,
    dispose: () => head_Vd.dispose(),
  } as unknown as Encoder // the fields that the measure reads
}

const examples = [
  { ids: Int32Array.of(1, 1, 1, 2), promptLength: 1 },
  { ids: Int32Array.of(3, 4), promptLength: 1 },
]

test("next tokens: hits and tokens of each text, by hand; nothing stays alive", async () => {
  const model = echo("before")
  const before = tf.memory().numTensors
  const measure = await instanceOf(accuracy({ objective: nextToken() }))
  // 1 -> 1 and 1 -> 1 are right, 1 -> 2 and 3 -> 4 are not
  expect(measure.of({ model, examples, rng: seeded(1) })).toEqual([
    [2, 3],
    [0, 1],
  ])
  expect(tf.memory().numTensors).toBe(before)
  expect([measure.unit, measure.better]).toEqual(["%", "higher"])
  model.dispose()
})

test("masked tokens: one that is kept is predicted, one behind the mask is not; padding is outside of attention", async () => {
  const asked: Array<Int32Array | undefined> = []
  const model = echo("both", asked)
  const of = (options: object) =>
    instanceOf(accuracy({ objective: masked({ maskId: 0, rate: 1, of: "all", ...options }) })).then((measure) =>
      measure.of({ model, examples, rng: seeded(1) }),
    )
  expect(await of({ mask: 0, random: 0, keep: 1 })).toEqual([
    [4, 4],
    [2, 2],
  ])
  expect(await of({ mask: 1, random: 0, keep: 0 })).toEqual([
    [0, 4],
    [0, 2],
  ])
  expect(asked[0]).toEqual(Int32Array.of(0, 0, 0, 0, 0, 0, 3, 4))
  // every model is asked for the same tokens
  const half = { rate: 0.5, mask: 0.5, random: 0.25, keep: 0.25 }
  expect(await of(half)).toEqual(await of(half))
  model.dispose()
})
