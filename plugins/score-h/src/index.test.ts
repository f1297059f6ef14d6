import { expect, test } from "bun:test"
import { centredStates, covarianceOf, randomScoreInput } from "@winnow/core"
import { checkScore, instanceOf } from "@winnow/testing"
import { Matrix, pseudoInverse } from "ml-matrix"
import { hScore } from "./index.ts"
import { ledoitWolf } from "./shrinkage.ts"

type Input = ReturnType<typeof randomScoreInput>

/** The trace of whole matrices: pinv(S_a) times the covariance of states that are replaced by their class's mean. */
const slowly =
  (shrinkage: number | undefined) =>
  ({ N, d, C, h_Nd, class_N }: Input) => {
    const x_Nd = centredStates(h_Nd, N, d, "none")
    const s = covarianceOf(x_Nd, N, d)
    const a = shrinkage ?? ledoitWolf(x_Nd, s, N, d)
    const S = new Matrix(d, d)
    const mean = Array.from({ length: d }, (_, i) => s[i * d + i]!).reduce((x, y) => x + y, 0) / d
    for (let i = 0; i < d; i++)
      for (let j = 0; j < d; j++) S.set(i, j, (1 - a) * s[i * d + j]! + (i === j ? a * mean : 0))
    const means = new Matrix(N, d)
    for (let c = 0; c < C; c++) {
      const own = Array.from({ length: N }, (_, n) => n).filter((n) => class_N[n] === c)
      for (let i = 0; i < d; i++) {
        const m = own.reduce((sum, n) => sum + x_Nd[n * d + i]!, 0) / own.length
        for (const n of own) means.set(n, i, m)
      }
    }
    const B = means
      .transpose()
      .mmul(means)
      .div(N)
      .mul(1 - a)
    if (s.every((x) => x === 0)) return 0
    return pseudoInverse(S, 1e-12 * S.norm())
      .mmul(B)
      .trace()
  }

test("keeps the laws", async () => {
  await checkScore(hScore(), { reference: slowly(undefined), scaleInvariant: true })
  await checkScore(hScore({ shrinkage: 0.3 }), { reference: slowly(0.3), scaleInvariant: true })
  await checkScore(hScore({ shrinkage: 0 }), { scaleInvariant: true })
})

test("one dimension by hand: the share of the variance that is between the classes", async () => {
  // Means 1 and 102, all states' mean 51.5: B = 50.5^2, S = B + 1.
  const input = {
    ...randomScoreInput(1),
    ...{ N: 4, d: 1, C: 2, h_Nd: Float32Array.of(0, 2, 101, 103), class_N: Int32Array.of(0, 0, 1, 1) },
  }
  const score = await instanceOf(hScore({ shrinkage: 0 }))
  expect(score.of(input)).toBeCloseTo(50.5 ** 2 / (50.5 ** 2 + 1), 9)
  expect((await instanceOf(hScore({ shrinkage: 1 }))).of(input)).toBe(0)
})

test("states that the class determines reach C - 1; one class and a constant layer have 0", async () => {
  const score = await instanceOf(hScore({ shrinkage: 0 }))
  const input = randomScoreInput(2, { C: 4, perClass: 6, d: 5 })
  const corners = input.h_Nd.map((_, i) => (input.class_N[Math.floor(i / 5)] === i % 5 ? 1 : 0))
  expect(score.of({ ...input, h_Nd: Float32Array.from(corners) })).toBeCloseTo(3, 9)
  const usual = await instanceOf(hScore())
  expect(usual.of({ ...input, h_Nd: input.h_Nd.slice().fill(0.7) })).toBe(0)
  expect(usual.of(randomScoreInput(2, { C: 1, perClass: 9, d: 3 }))).toBeCloseTo(0, 12)
})

test("the share of Ledoit and Wolf, by hand and at its ends", () => {
  // Two states (1, 0) and (-1, 0): S = diag(1, 0), of squares 1, trace 1; x x^T is S for both, so there is no noise.
  const two = Float64Array.of(1, 0, -1, 0)
  expect(ledoitWolf(two, covarianceOf(two, 2, 2), 2, 2)).toBe(0)
  // (2, 0), (-2, 0), (0, 1), (0, -1): S = diag(2, 1/2), squares 4.25, apart 4.25 - 6.25 / 2 = 1.125,
  // noise ((16 + 16 + 1 + 1) / 4 - 4.25) / 4 = 1.0625.
  const four = Float64Array.of(2, 0, -2, 0, 0, 1, 0, -1)
  expect(ledoitWolf(four, covarianceOf(four, 4, 2), 4, 2)).toBeCloseTo(1.0625 / 1.125, 12)
  // (1, 0), (-1, 0), (0, 1), (0, -1): S is I / 2 already.
  const round = Float64Array.of(1, 0, -1, 0, 0, 1, 0, -1)
  expect(ledoitWolf(round, covarianceOf(round, 4, 2), 4, 2)).toBe(0)
})
