import { expect, test } from "bun:test"
import { randomScoreInput, tryScore } from "@winnow/core"
import { instanceOf } from "@winnow/testing"
import { myScore } from "./index.ts"

test("keeps the laws", async () => tryScore(await instanceOf(myScore())))

test("is the mean of the entropies", async () => {
  const score = await instanceOf(myScore())
  expect(score.of({ ...randomScoreInput(1), N: 2, entropy_N: Float32Array.of(1, 2) })).toBe(1.5)
})
