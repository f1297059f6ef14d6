import { expect, test } from "bun:test"
import { randomScoreInput } from "@winnow/core"
import { checkScore, instanceOf } from "@winnow/testing"
import { determinant, Matrix, solve } from "ml-matrix"
import { evidence } from "./evidence.ts"
import { logMe } from "./index.ts"

type Input = ReturnType<typeof randomScoreInput>

/** The evidence of labels as a density: y is normal with covariance I / b + F F^T / a. */
const density = (F: Matrix, y: ReadonlyArray<number>, a: number, b: number): number => {
  const N = y.length
  const covariance = F.mmul(F.transpose())
    .div(a)
    .add(Matrix.eye(N, N, 1 / b))
  const column = Matrix.columnVector([...y])
  const quadratic = column.transpose().mmul(solve(covariance, column)).get(0, 0)
  return -(N * Math.log(2 * Math.PI) + Math.log(determinant(covariance)) + quadratic) / 2 / N
}

/** The largest density over a grid of precisions that is refined about its best point. */
const largest = (F: Matrix, y: ReadonlyArray<number>): number => {
  let [best, at, width]: [number, readonly [number, number], number] = [-Infinity, [0, 0], 9]
  for (let round = 0; round < 14; round++, width /= 2) {
    const [centreA, centreB] = at
    for (let i = -3; i <= 3; i++)
      for (let j = -3; j <= 3; j++) {
        const point = [centreA + (i * width) / 3, centreB + (j * width) / 3] as const
        const value = density(F, y, Math.exp(point[0]), Math.exp(point[1]))
        if (value > best) [best, at] = [value, point]
      }
  }
  return best
}

const statesOf = ({ N, d, h_Nd }: Input) =>
  new Matrix(Array.from({ length: N }, (_, n) => Array.from(h_Nd.subarray(n * d, (n + 1) * d))))

/** States that tell their class in part, so that the best precisions are not at infinity. */
const telling = (seed: number): Input => {
  const input = randomScoreInput(seed, { C: 2, perClass: 9, d: 3 })
  return { ...input, h_Nd: input.h_Nd.map((x, i) => x + 1.5 * input.class_N[Math.floor(i / 3)]!) }
}

test("keeps the laws", () => checkScore(logMe()))

test("the fixed point is the largest evidence, as a density of the labels", async () => {
  for (const seed of [1, 2, 3]) {
    const input = telling(seed)
    const F = statesOf(input)
    const labels = (c: number) => Array.from(input.class_N, (of) => (of === c ? 1 : 0))
    const slow = (largest(F, labels(0)) + largest(F, labels(1))) / 2
    // The fixed point ends after 11 rounds, near the largest evidence and never above it.
    expect((await instanceOf(logMe())).of(input)).toBeWithin(slow - 5e-3, slow + 1e-4)
  }
})

test("noise alone, by hand: N states without a direction, k of them of the class", () => {
  const b = 10 / (4 + 1e-5)
  const hand = (5 * Math.log(b / (2 * Math.PI)) - 2 * b) / 10
  expect(evidence(new Float64Array(0), new Float64Array(0), 4, 10)).toBeCloseTo(hand, 12)
})

test("states that tell the class have more evidence than states that do not; a constant layer is finite", async () => {
  const score = await instanceOf(logMe())
  const input = randomScoreInput(5, { C: 3, perClass: 20, d: 4 })
  const told = input.h_Nd.map((x, i) => x + 6 * (input.class_N[Math.floor(i / 4)] === i % 4 ? 1 : 0))
  expect(score.of({ ...input, h_Nd: told })).toBeGreaterThan(score.of(input) + 0.3)
  const none = score.of({ ...input, h_Nd: input.h_Nd.slice().fill(0) })
  expect(none).toBeLessThan(score.of({ ...input, h_Nd: told }))
})
