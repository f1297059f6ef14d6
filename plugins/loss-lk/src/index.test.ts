import { describe, expect, test } from "bun:test"
import { klDivergence, logSoftmax, overlap, totalVariation } from "@winnow/numerics"
import { checkLoss, evaluateLoss, type LossRow } from "@winnow/testing"
import { lk } from "./index.ts"

const accepted = ({ fixed_V, target_V }: LossRow) => overlap(logSoftmax(target_V), logSoftmax(fixed_V))
const mixed = ({ draft_V, target_V }: LossRow, l: number) => {
  const [logP_V, logQ_V] = [logSoftmax(target_V), logSoftmax(draft_V)]
  return l * klDivergence(logP_V, logQ_V) + (1 - l) * totalVariation(logP_V, logQ_V)
}

describe("keeps the laws", () => {
  for (const eta of [0, 1, 3])
    test(`by token, eta ${eta}`, () =>
      checkLoss(lk({ eta }), {
        reference: (row) => mixed(row, Math.exp(-eta * accepted(row))),
        zeroAtTarget: true,
      }))

  test("by batch", () =>
    checkLoss(lk({ over: "batch" }), {
      reference: (row) => mixed(row, Math.exp(-3 * row.batch[0]!)),
      batch: (rows) => [rows.reduce((sum, row) => sum + accepted(row), 0) / rows.length],
      zeroAtTarget: true,
    }))
})

test("by hand: p = (1/2, 1/2), q = (1/4, 3/4): a = 3/4, KL 0.1438, TVD 1/4", async () => {
  const rows = { draft: [[Math.log(0.25), Math.log(0.75)]], target: [[Math.log(0.5), Math.log(0.5)]] }
  const l = Math.exp(-3 * 0.75)
  const { loss, gradient } = await evaluateLoss(lk(), rows)
  expect(loss[0]).toBeCloseTo(l * 0.143841 + (1 - l) * 0.25, 5)
  // KL: q - p = (-1/4, 1/4). TVD: q/2 (s - sum q s), s = (-1, 1), sum q s = 1/2: (-3/16, 3/16).
  expect(gradient[0]![0]).toBeCloseTo(-(l / 4 + ((1 - l) * 3) / 16), 5)
})
