import { expect, test } from "bun:test"
import { randomScoreInput } from "@winnow/core"
import { checkScore, instanceOf } from "@winnow/testing"
import { tmiTrace } from "./index.ts"

type Input = ReturnType<typeof randomScoreInput>

/** sum_c n_c / N trace(cov_c), each covariance from all pairs of a class: half the mean squared distance of two states. */
const slowly = ({ N, d, C, h_Nd, class_N }: Input) => {
  let score = 0
  for (let c = 0; c < C; c++) {
    const own = Array.from({ length: N }, (_, n) => n).filter((n) => class_N[n] === c)
    let squares = 0
    for (const a of own)
      for (const b of own) for (let i = 0; i < d; i++) squares += (h_Nd[a * d + i]! - h_Nd[b * d + i]!) ** 2
    const trace = squares / (2 * own.length ** 2)
    score += (own.length / N) * trace
  }
  return score
}

test("keeps the laws", async () => {
  await checkScore(tmiTrace(), { reference: slowly })
  for (const scale of ["rms", "standard"] as const)
    await checkScore(tmiTrace({ scale, perDimension: true }), { scaleInvariant: true })
})

test("two classes by hand: variances 1 and 4 in a line, the means play no part", async () => {
  const input = {
    ...randomScoreInput(1),
    ...{ N: 6, d: 1, C: 2, h_Nd: Float32Array.of(0, 2, 100, 104, 100, 104), class_N: Int32Array.of(0, 0, 1, 1, 1, 1) },
  }
  const raw = await instanceOf(tmiTrace())
  expect(raw.of(input)).toBeCloseTo((2 / 6) * 1 + (4 / 6) * 4, 6)
  // On the standard scale a share of all variance, 1, is left.
  const mean = (0 + 2 + 2 * 100 + 2 * 104) / 6
  const variance = [0, 2, 100, 104, 100, 104].reduce((sum, x) => sum + (x - mean) ** 2, 0) / 6
  expect((await instanceOf(tmiTrace({ scale: "standard" }))).of(input)).toBeCloseTo(3 / variance, 6)
})

test("one state a class has no variance, nor has a constant layer", async () => {
  const raw = await instanceOf(tmiTrace())
  expect(raw.of(randomScoreInput(2, { C: 7, perClass: 1, d: 3 }))).toBe(0)
  const input = randomScoreInput(2)
  for (const scale of ["none", "rms", "standard"] as const) {
    const flat = { ...input, h_Nd: input.h_Nd.slice().fill(0.1) }
    expect((await instanceOf(tmiTrace({ scale }))).of(flat)).toBe(0)
  }
  expect(raw.least).toBe(2)
})
