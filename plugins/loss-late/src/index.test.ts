import { describe, expect, test } from "bun:test"
import { cosine, linear, pieces, valueAt } from "@winnow/core"
import { klDivergence, logSoftmax } from "@winnow/numerics"
import { checkLoss, evaluateLoss, instanceOf } from "@winnow/testing"
import { late } from "./index.ts"

/** The mixture in double precision. */
const plain = (draft_V: Float64Array, target_V: Float64Array, s: number) => {
  const [logP_V, logQ_V] = [logSoftmax(target_V), logSoftmax(draft_V)]
  const greedy = logP_V.indexOf(Math.max(...logP_V))
  return (1 - s) * klDivergence(logP_V, logQ_V) + s * (1 - Math.exp(logQ_V[greedy]!))
}

describe("keeps the laws, finite differences of its gradient among them", () => {
  for (const share of [undefined, linear(0.2, 0.9), cosine(0, 1), pieces(1)] as const)
    test(JSON.stringify(share ?? "the default"), () => {
      const of = { start: 0, end: 1, ...(share ?? linear(0, 1, { start: 0.6 })) }
      return checkLoss(late(share ? { share } : {}), {
        reference: ({ draft_V, target_V, step, steps }) => plain(draft_V, target_V, valueAt(of as never, step, steps)),
      })
    })
  test("share 0 is KL", () =>
    checkLoss(late({ share: pieces(0) }), {
      reference: ({ draft_V, target_V }) => plain(draft_V, target_V, 0),
      zeroAtTarget: true,
    }))
})

test("by hand: p = (1/3, 2/3), q = (1/2, 1/2): KL first, at the last step the chance to miss the second token", async () => {
  const rows = { target: [[0, Math.log(2)]], draft: [[0, 0]], steps: 101 }
  const at = (step: number) => evaluateLoss(late(), { ...rows, step })
  for (const step of [0, 60]) {
    const { loss, gradient } = await at(step)
    expect(loss[0]).toBeCloseTo(Math.log(2) / 3 + Math.log(2 / 3) + Math.log(2) / 3, 5)
    expect(gradient[0]![0]).toBeCloseTo(1 / 2 - 1 / 3, 5)
  }
  const { loss, gradient } = await at(100)
  expect(loss[0]).toBeCloseTo(1 / 2, 5)
  // q_a (q - e_a) = 1/2 (1/2, -1/2)
  expect(gradient[0]![0]).toBeCloseTo(1 / 4, 5)
  expect(gradient[0]![1]).toBeCloseTo(-1 / 4, 5)
})

test("a token that the draft cannot reach has next to no gradient; of equal largest p the first is the greedy one", async () => {
  const of = async (draft: number[][], target: number[][]) =>
    (await evaluateLoss(late({ share: pieces(1) }), { draft, target, step: 0, steps: 10 })).gradient[0]!
  const far = await of([[0, 20]], [[3, 0]])
  for (const g of far) expect(Math.abs(g)).toBeLessThan(1e-6)
  const [first, second] = await of([[0, 0, 0]], [[1, 1, 0]])
  expect([first! < 0, second! > 0]).toEqual([true, true])
})

test("shares outside of 0 to 1 are refused", async () => {
  await expect(instanceOf(late({ share: linear(0, 1.5) }))).rejects.toThrow(/shares from 0 to 1/)
  await expect(instanceOf(late({ share: pieces(-0.1, 1) }))).rejects.toThrow(/shares from 0 to 1/)
})
