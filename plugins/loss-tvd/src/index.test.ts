import { test } from "bun:test"
import { logSoftmax, totalVariation } from "@winnow/numerics"
import { checkLoss } from "@winnow/testing"
import { tvd } from "./index.ts"

test("keeps the laws", () =>
  checkLoss(tvd(), {
    reference: ({ draft_V, target_V }) => totalVariation(logSoftmax(target_V), logSoftmax(draft_V)),
    zeroAtTarget: true,
  }))
