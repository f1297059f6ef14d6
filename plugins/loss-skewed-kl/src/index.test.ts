import { describe, expect, test } from "bun:test"
import { logSoftmax } from "@winnow/numerics"
import { checkLoss, evaluateLoss, instanceOf } from "@winnow/testing"
import { skewedKl } from "./index.ts"

/** KL(from || a from + (1 - a) to) of logits, in double precision. */
const plain = (from_V: Float64Array, to_V: Float64Array, a: number) => {
  const [logF_V, logT_V] = [logSoftmax(from_V), logSoftmax(to_V)]
  return Array.from(logF_V, (logF, v) => {
    const f = Math.exp(logF)
    return f === 0 ? 0 : f * (logF - Math.log(a * f + (1 - a) * Math.exp(logT_V[v]!)))
  }).reduce((x, y) => x + y, 0)
}

describe("keeps the laws", () => {
  for (const a of [0.1, 0.5, 0.9]) {
    test(`forward, a = ${a}`, () =>
      checkLoss(skewedKl({ a }), {
        reference: ({ draft_V, target_V }) => plain(target_V, draft_V, a),
        zeroAtTarget: true,
      }))
    test(`reverse, a = ${a}`, () =>
      checkLoss(skewedKl({ a, direction: "reverse" }), {
        reference: ({ draft_V, target_V }) => plain(draft_V, target_V, a),
        zeroAtTarget: true,
      }))
  }
})

test("bounded by -log a where draft and target exclude each other", async () => {
  const rows = { draft: [[60, -60]], target: [[-60, 60]] }
  for (const direction of ["forward", "reverse"] as const) {
    const { loss } = await evaluateLoss(skewedKl({ direction }), rows)
    expect(loss[0]).toBeCloseTo(-Math.log(0.1), 4)
  }
})

test("the ends are refused", async () => {
  await expect(instanceOf(skewedKl({ a: 0 }))).rejects.toThrow(/a must be/)
  await expect(instanceOf(skewedKl({ a: 1 }))).rejects.toThrow(/a must be/)
})
