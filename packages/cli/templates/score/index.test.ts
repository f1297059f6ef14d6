import { expect, test } from "bun:test"
import { randomScoreInput } from "@winnow/core"
import { checkScore, instanceOf } from "@winnow/testing"
import { myScore } from "./index.ts"

test("keeps the laws", () => checkScore(myScore()))

test("is the mean of the entropies", async () => {
  const score = await instanceOf(myScore())
  expect(score.of({ ...randomScoreInput(1), M: 2, entropy_M: Float32Array.of(1, 2) })).toBe(1.5)
})
