/** Losses of tokens against a plain sum, and their memory inside a gradient. */
import { expect, test } from "bun:test"
import { seeded } from "@winnow/numerics"
import { gradients, openEngine, tf } from "@winnow/tensor"
import { tokenLosses } from "./token-losses.ts"

await openEngine()

const [N, V, D] = [9, 300_000, 2]
const rng = seeded(3, "token losses")
const numbers = (count: number) => Float32Array.from({ length: count }, () => 2 * rng.uniform() - 1)
const [h, head] = [numbers(N * D), numbers(V * D)]
const gold_N = Int32Array.from({ length: N }, () => rng.below(V))

/** -log p of a row's gold token, in double precision. */
const plain = (n: number): number => {
  let sum = 0
  const logit = (v: number) => h[n * D]! * head[v * D]! + h[n * D + 1]! * head[v * D + 1]!
  for (let v = 0; v < V; v++) sum += Math.exp(logit(v))
  return Math.log(sum) - logit(gold_N[n]!)
}

test("losses are those of a plain sum, over several chunks of rows", () => {
  tf.tidy(() => {
    const loss_N = tokenLosses(tf.tensor2d(h, [N, D]), tf.tensor2d(head, [V, D]), gold_N)
    for (let n = 0; n < N; n++) expect(loss_N[n]!).toBeCloseTo(plain(n), 4)
  })
})

test("inside a gradient no logits stay alive", () => {
  tf.tidy(() => {
    const x = tf.scalar(2)
    const [h_ND, head_VD] = [tf.tensor2d(h, [N, D]), tf.tensor2d(head, [V, D])]
    const { value } = gradients(() => {
      const before = tf.memory().numTensors
      const [loss] = tokenLosses(h_ND, head_VD, gold_N)
      expect(tf.memory().numTensors).toBe(before)
      return tf.mul(x, loss!)
    }, [x])
    expect(value.dataSync()[0]).toBeCloseTo(2 * plain(0), 4)
  })
})
