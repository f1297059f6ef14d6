import { test } from "bun:test"
import { logSoftmax } from "@winnow/numerics"
import { checkLoss } from "@winnow/testing"
import { myLoss } from "./index.ts"

test("keeps the laws, and is the formula", () =>
  checkLoss(myLoss(), {
    reference: ({ draft_V, target_V }) => {
      const [q_V, p_V] = [logSoftmax(draft_V), logSoftmax(target_V)]
      return q_V.reduce((sum, q, v) => sum + (Math.exp(q) - Math.exp(p_V[v]!)) ** 2, 0)
    },
    zeroAtTarget: true,
  }))
