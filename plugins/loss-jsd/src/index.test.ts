import { describe, expect, test } from "bun:test"
import { jsDivergence, logSoftmax } from "@winnow/numerics"
import { checkLoss, instanceOf } from "@winnow/testing"
import { jsd } from "./index.ts"

describe("keeps the laws", () => {
  for (const beta of [0.1, 0.5, 0.9])
    test(`beta ${beta}`, () =>
      checkLoss(jsd({ beta }), {
        reference: ({ draft_V, target_V }) => jsDivergence(logSoftmax(target_V), logSoftmax(draft_V), beta),
        zeroAtTarget: true,
      }))
})

test("the ends, where it is 0 for every draft, are refused", async () => {
  await expect(instanceOf(jsd({ beta: 0 }))).rejects.toThrow(/beta must be/)
  await expect(instanceOf(jsd({ beta: 1 }))).rejects.toThrow(/beta must be/)
})
