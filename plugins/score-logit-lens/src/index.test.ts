import { expect, test } from "bun:test"
import { randomScoreInput } from "@winnow/core"
import { checkScore, instanceOf } from "@winnow/testing"
import { logitLens } from "./index.ts"

const mean = (x_N: Float32Array) => Array.from(x_N).reduce((a, b) => a + b, 0) / x_N.length

test("keeps the laws", async () => {
  await checkScore(logitLens(), { scaleInvariant: true, reference: ({ lensAcceptance_N }) => mean(lensAcceptance_N) })
  await checkScore(logitLens({ by: "top" }), { reference: ({ lensAgreement_N }) => mean(lensAgreement_N) })
})

test("the mean overlap, or the share of equal first choices", async () => {
  const figures = {
    N: 4,
    lensAcceptance_N: Float32Array.of(0, 0.25, 1, 0.75),
    lensAgreement_N: Float32Array.of(0, 0, 1, 0),
  }
  const input = { ...randomScoreInput(1), ...figures }
  expect((await instanceOf(logitLens())).of(input)).toBe(0.5)
  expect((await instanceOf(logitLens({ by: "top" }))).of(input)).toBe(0.25)
})
