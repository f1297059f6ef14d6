import { describe, expect, test } from "bun:test"
import { readSelection } from "@winnow/core"
import { checkFilter, instanceOf, randomFilterInput } from "@winnow/testing"
import { excessCrossEntropy } from "./index.ts"

const claims = (k: number) => ({
  kept: (N: number) => Math.floor(k * (N - 1) + 1e-9) + 1,
  keptWhenEqual: (N: number) => N,
  permutationEquivariant: true,
  refusesNotFinite: true,
})

describe("keeps the laws", () => {
  for (const order of ["top", "bottom"] as const)
    for (const k of [0.01, 0.4, 1])
      test(`${order}, k = ${k}`, () => checkFilter(excessCrossEntropy({ k, order }), claims(k)))
  test("defaults", () => checkFilter(excessCrossEntropy(), claims(0.4)))
})

test("a token that is hard for both is dropped, one that only the draft finds hard is kept", async () => {
  const filter = await instanceOf(excessCrossEntropy({ k: 0.3 }))
  const input = {
    ...randomFilterInput(3, 1),
    draftNll_N: Float32Array.of(0.1, 5, 3),
    targetNll_N: Float32Array.of(0.1, 5, 1),
  }
  expect([...readSelection(filter.select(input)).weights_N]).toEqual([0, 0, 1])
})
