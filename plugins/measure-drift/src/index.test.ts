import { expect, test } from "bun:test"
import type { Problem } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { nextToken } from "@winnow/objective-next-token"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { drift } from "./index.ts"

const examples = [
  { ids: Int32Array.of(1, 1, 1), promptLength: 1 },
  { ids: Int32Array.of(0, 0), promptLength: 1 },
]
const input = { examples, vocabularySize: 2, rng: seeded(1) }
/** The same two logits at each row. */
const rowsOf =
  (...logits: readonly [number, number]) =>
  ({ row_N }: Problem) => ({
    h_Md: tf.tensor2d(Array.from(row_N, () => [...logits])),
    head_Vd: tf.eye(2),
  })

test("KL(before || after) of each token, by hand; exactly 0 of an unchanged target; nothing stays alive", async () => {
  const before = tf.memory().numTensors
  const measure = await instanceOf(drift({ objective: nextToken() }))
  const same = measure.of({ ...input, targetRows: rowsOf(0.3, -1.7), leftRows: rowsOf(0.3, -1.7) })
  expect(same).toEqual([
    [0, 2],
    [0, 1],
  ])
  // 1/2 log(1/2 / 3/4) + 1/2 log(1/2 / 1/4)
  const kl = 0.5 * Math.log(2 / 3) + 0.5 * Math.log(2)
  const moved = measure.of({ ...input, targetRows: rowsOf(0, 0), leftRows: rowsOf(Math.log(3), 0) })
  expect(moved.map(([sum, n]) => [sum.toFixed(5), n])).toEqual([
    [(2 * kl).toFixed(5), 2],
    [kl.toFixed(5), 1],
  ])
  expect(tf.memory().numTensors).toBe(before)
  expect([measure.unit, measure.better]).toEqual(["nats", "lower"])
})
