import { test } from "bun:test"
import { logSoftmax, reverseKlDivergence } from "@winnow/numerics"
import { checkLoss } from "@winnow/testing"
import { reverseKl } from "./index.ts"

test("keeps the laws", () =>
  checkLoss(reverseKl(), {
    reference: ({ draft_V, target_V }) => reverseKlDivergence(logSoftmax(target_V), logSoftmax(draft_V)),
    zeroAtTarget: true,
  }))
