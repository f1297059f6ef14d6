import { expect, test } from "bun:test"
import { ranked } from "./selection.ts"

const score_N = Float32Array.of(3, 1, 4, 1, 5)

test("the largest scores are kept, or the smallest with their ties, and the scores come with them", () => {
  expect(ranked(score_N, { k: 0.4 })).toEqual({ weights_N: Uint8Array.of(0, 0, 1, 0, 1), divideBy: "kept", score_N })
  expect(ranked(score_N, { k: 0.2, order: "bottom", divideBy: "valid" })).toEqual({
    weights_N: Uint8Array.of(0, 1, 0, 1, 0),
    divideBy: "valid",
    score_N,
  })
})

test("a score that is not finite is refused", () => {
  expect(() => ranked(Float32Array.of(1, Number.NaN), { k: 0.5 })).toThrow(/NaN/)
})
