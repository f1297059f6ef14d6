import { expect, test } from "bun:test"
import { nearest } from "./nearest.ts"

test("the nearest name is the one that was meant, or none", () => {
  const names = ["draftLoss_N", "referenceLoss_N", "draftNll_N", "step", "steps"]
  expect(nearest("draft_loss", names)).toBe("draftLoss_N")
  expect(nearest("refrenceLoss_N", names)).toBe("referenceLoss_N")
  expect(nearest("temperature", names)).toBeUndefined()
  expect(nearest("x".repeat(1e6), names)).toBeUndefined()
})
