import { expect, test } from "bun:test"
import { centredStates, randomScoreInput } from "@winnow/core"
import { checkScore, instanceOf } from "@winnow/testing"
import { Matrix, solve } from "ml-matrix"
import { probe } from "./index.ts"

type Input = ReturnType<typeof randomScoreInput>

/** A regression for each state, on all states but that one. */
const slowly =
  (ridge: number) =>
  ({ N, d, C, h_Nd, class_N }: Input) => {
    const x = centredStates(h_Nd, N, d, "standard")
    let right = 0
    for (let n = 0; n < N; n++) {
      const others = Array.from({ length: N }, (_, m) => m).filter((m) => m !== n)
      const F = new Matrix(others.map((m) => Array.from(x.subarray(m * d, (m + 1) * d))))
      const Y = new Matrix(others.map((m) => Array.from({ length: C }, (_, c) => (class_N[m] === c ? 1 : 0) - 1 / C)))
      const A = F.transpose()
        .mmul(F)
        .add(Matrix.eye(d, d, ridge * N))
      const z = new Matrix([Array.from(x.subarray(n * d, (n + 1) * d))]).mmul(solve(A, F.transpose().mmul(Y))).getRow(0)
      const tied = z.filter((one) => one >= Math.max(...z) - 1e-9).length
      if (z[class_N[n]!]! >= Math.max(...z) - 1e-9) right += 1 / tied
    }
    return right / N
  }

test("keeps the laws; leaving one out is exact", async () => {
  await checkScore(probe(), { reference: slowly(0.01), scaleInvariant: true })
  await checkScore(probe({ ridge: 1 }), { reference: slowly(1), scaleInvariant: true })
})

test("classes on two sides of a line are told, a state on the wrong side is not", async () => {
  const of = async (x: ReadonlyArray<number>, classes: ReadonlyArray<number>) =>
    (await instanceOf(probe())).of({
      ...randomScoreInput(1),
      ...{ N: x.length, d: 1, C: 2, h_Nd: Float32Array.from(x), class_N: Int32Array.from(classes) },
    })
  expect(await of([-3, -2, 2, 3], [0, 0, 1, 1])).toBe(1)
  expect(await of([-3, -2, -2.5, 2, 3, 2.5], [0, 0, 1, 1, 1, 0])).toBeCloseTo(4 / 6, 12)
})

test("a constant layer tells nothing: the classes share each state; one class is always right", async () => {
  const score = await instanceOf(probe())
  const input = randomScoreInput(2)
  expect(score.of({ ...input, h_Nd: input.h_Nd.slice().fill(2) })).toBeCloseTo(1 / 4, 12)
  expect(score.of(randomScoreInput(2, { C: 1, perClass: 9, d: 3 }))).toBe(1)
})
