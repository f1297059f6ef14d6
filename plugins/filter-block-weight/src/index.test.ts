import { describe, expect, test } from "bun:test"
import { readSelection } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { checkFilter, instanceOf, randomFilterInput } from "@winnow/testing"
import { blockWeights } from "./block-weight.ts"
import { blockWeight } from "./index.ts"

describe("keeps the laws", () => {
  for (const gamma of [1, 4, 64])
    test(`gamma ${gamma}`, () => checkFilter(blockWeight({ gamma }), { kept: (N) => N, refusesNotFinite: true }))
})

/** Mean tokens a call over all starts, by its definition. */
const tau = (a_N: ReadonlyArray<number>, gamma: number) => {
  let sum = 0
  for (let s = 0; s < a_N.length; s++) {
    sum += 1
    for (let j = 1, product = 1; j <= gamma && s + j <= a_N.length; j++) sum += product *= a_N[s + j - 1]!
  }
  return sum / a_N.length
}

test("the weights are the derivative of tau: finite differences", () => {
  const rng = seeded(1, "block weights")
  for (const N of [1, 2, 3, 7, 20])
    for (const gamma of [1, 2, 4, 30]) {
      const a_N = Array.from({ length: N }, () => Math.fround(rng.uniform()))
      const found = blockWeights(Float32Array.from(a_N), gamma)
      for (let t = 0; t < N; t++) {
        const moved = (by: number) => tau(a_N.with(t, a_N[t]! + by), gamma)
        expect(found[t]!).toBeCloseTo((moved(1e-4) - moved(-1e-4)) / 2e-4, 5)
      }
    }
})

test("by hand: acceptance 1/2, 1/4, gamma 2, of one text", () => {
  // tau = (1 + a + a b + 1 + b) / 2: (1 + b) / 2 and (1 + a) / 2
  expect([...blockWeights(Float32Array.of(0.5, 0.25), 2)]).toEqual([0.625, 0.75])
})

test("texts of a micro-batch do not reach into one another", async () => {
  const filter = await instanceOf(blockWeight({ gamma: 4 }))
  const input = {
    ...randomFilterInput(4, 1),
    acceptance_N: Float32Array.of(0.5, 0.25, 0.5, 0.25),
    sequence_N: Int32Array.of(0, 0, 1, 1),
  }
  expect([...readSelection(filter.select(input)).weights_N]).toEqual([0.3125, 0.375, 0.3125, 0.375])
})
