import { expect, test } from "bun:test"
import { logSoftmax } from "@winnow/numerics"
import { checkLoss, instanceOf } from "@winnow/testing"
import { crossEntropy } from "./index.ts"

test("keeps the laws", () =>
  checkLoss(crossEntropy(), { reference: ({ draft_V, gold }) => -logSoftmax(draft_V)[gold]! }))

test("asks for no target", async () => {
  expect((await instanceOf(crossEntropy())).target).toBe(false)
})
