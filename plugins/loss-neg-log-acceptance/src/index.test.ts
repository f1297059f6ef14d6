import { expect, test } from "bun:test"
import { logSoftmax } from "@winnow/numerics"
import { checkLoss, evaluateLoss } from "@winnow/testing"
import { negLogAcceptance } from "./index.ts"

/** log sum exp of the smaller log-probabilities, in double precision. */
const plain = (logP_V: ArrayLike<number>, logQ_V: ArrayLike<number>) => {
  const least_V = Array.from(logP_V, (logP, v) => Math.min(logP, logQ_V[v]!))
  const largest = Math.max(...least_V)
  return -(largest + Math.log(least_V.reduce((sum, x) => sum + Math.exp(x - largest), 0)))
}

test("keeps the laws", () =>
  checkLoss(negLogAcceptance(), {
    reference: ({ draft_V, target_V }) => plain(logSoftmax(target_V), logSoftmax(draft_V)),
    zeroAtTarget: true,
  }))

test("by hand: p = (1/2, 1/2), q = (1/4, 3/4): a = 3/4", async () => {
  const { loss, gradient } = await evaluateLoss(negLogAcceptance(), {
    draft: [[Math.log(0.25), Math.log(0.75)]],
    target: [[Math.log(0.5), Math.log(0.5)]],
  })
  expect(loss[0]).toBeCloseTo(-Math.log(0.75), 6)
  // w = (1/3, 0): q sum w - w = (1/12 - 1/3, 1/4)
  expect(gradient[0]![0]).toBeCloseTo(-0.25, 6)
  expect(gradient[0]![1]).toBeCloseTo(0.25, 6)
})

test("where the target is certain it is cross-entropy, with a gradient also for a draft that excludes the token", async () => {
  const { loss, gradient } = await evaluateLoss(negLogAcceptance(), { draft: [[-60, 60]], target: [[200, -200]] })
  expect(loss[0]).toBeCloseTo(120, 3)
  expect(gradient[0]![0]).toBeCloseTo(-1, 5)
  expect(gradient[0]![1]).toBeCloseTo(1, 5)
})
