import { describe, expect, test } from "bun:test"
import { cosine, linear, pieces, valueAt } from "@winnow/core"
import { logSoftmax } from "@winnow/numerics"
import { checkLoss, evaluateLoss, instanceOf } from "@winnow/testing"
import { sharpenedKl } from "./index.ts"

/** KL from the sharpened target, in double precision. */
const plain = (draft_V: Float64Array, target_V: Float64Array, T: number) => {
  const [logP_V, logQ_V] = [logSoftmax(target_V.map((z) => z / T)), logSoftmax(draft_V)]
  return logP_V.reduce((sum, logP, v) => sum + (logP === -Infinity ? 0 : Math.exp(logP) * (logP - logQ_V[v]!)), 0)
}

describe("keeps the laws", () => {
  const schedules = [undefined, linear(2, 0.5), cosine(1, 0.7), pieces(1, 0.8)] as const
  for (const schedule of schedules)
    test(JSON.stringify(schedule ?? "the default"), () => {
      const temperature = schedule ?? linear(1, 0.3, { start: 0.6 })
      return checkLoss(sharpenedKl(schedule ? { temperature: schedule } : {}), {
        reference: ({ draft_V, target_V, step, steps }) =>
          plain(draft_V, target_V, valueAt({ start: 0, end: 1, ...temperature } as never, step, steps)),
      })
    })
  // A schedule that stays at 1 is KL, which is 0 for a perfect draft.
  test("temperature 1", () =>
    checkLoss(sharpenedKl({ temperature: pieces(1) }), {
      reference: ({ draft_V, target_V }) => plain(draft_V, target_V, 1),
      zeroAtTarget: true,
    }))
})

test("the target is itself until the schedule begins, and sharper at each step after; the gradient vanishes at it", async () => {
  const p = [[0, 1, 3]]
  const at = async (step: number, draft = [[0.2, 0.1, 0.5]]) =>
    evaluateLoss(sharpenedKl(), { draft, target: p, step, steps: 101 })
  const kl = async (T: number) => plain(Float64Array.of(0.2, 0.1, 0.5), Float64Array.of(0, 1, 3), T)
  for (const [step, T] of [
    [0, 1],
    [60, 1],
    [80, 0.65],
    [100, 0.3],
  ] as const)
    expect((await at(step)).loss[0]).toBeCloseTo(await kl(T), 5)
  const { loss, gradient } = await at(100, [[0, 1 / 0.3, 3 / 0.3]])
  expect(loss[0]).toBeCloseTo(0, 5)
  for (const g of gradient[0]!) expect(g).toBeCloseTo(0, 5)
})

test("temperatures of 0 or less are refused", async () => {
  await expect(instanceOf(sharpenedKl({ temperature: linear(1, 0) }))).rejects.toThrow(/temperatures from 0.0001/)
  await expect(instanceOf(sharpenedKl({ temperature: pieces(1, -1) }))).rejects.toThrow(/temperatures from 0.0001/)
})
