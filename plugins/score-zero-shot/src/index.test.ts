import { expect, test } from "bun:test"
import { randomScoreInput } from "@winnow/core"
import { checkScore, instanceOf } from "@winnow/testing"
import { zeroShot } from "./index.ts"

test("keeps the laws", () =>
  checkScore(zeroShot(), {
    scaleInvariant: true,
    reference: ({ acceptance_M }) => Array.from(acceptance_M).reduce((a, b) => a + b, 0) / acceptance_M.length,
  }))

test("the mean chance over the scored tokens", async () => {
  const instance = await instanceOf(zeroShot())
  const acceptance_M = Float32Array.of(0, 0.25, 1, 0.75)
  expect(instance.of({ ...randomScoreInput(1), M: 4, acceptance_M })).toBe(0.5)
  expect(instance).toMatchObject({ better: "higher", unit: "%", needs: ["acceptance_M"] })
})
