import { describe, expect, test } from "bun:test"
import { readSelection } from "@winnow/core"
import { checkFilter, instanceOf, randomFilterInput } from "@winnow/testing"
import { focusFinetune } from "./index.ts"

const claims = (k: number) => ({
  kept: (N: number) => Math.floor(k * (N - 1) + 1e-9) + 1,
  keptWhenEqual: (N: number) => N,
  permutationEquivariant: true,
  refusesNotFinite: true,
})

describe("keeps the laws", () => {
  for (const order of ["top", "bottom"] as const)
    for (const k of [0.01, 0.6, 1])
      test(`${order}, k = ${k}`, () => checkFilter(focusFinetune({ k, order }), claims(k)))
  test("defaults", () => checkFilter(focusFinetune(), claims(0.6)))
})

test("keeps what the reference knows and the draft does not; noise, hard for both, cancels", async () => {
  const filter = await instanceOf(focusFinetune({ k: 0.4 }))
  const input = randomFilterInput(5, 1)
  //                    learned, noise, learnable, learnable, noise
  input.draftNll_N.set([0.1, 9, 4, 3, 8])
  input.referenceNll_N.set([0.1, 9, 0.5, 0.2, 8.5])
  const { weights_N, divideBy } = readSelection(filter.select(input))
  expect([...weights_N]).toEqual([0, 0, 1, 1, 0])
  expect(divideBy).toBe("kept")
})

test("asks for no target and no loss: gold-token statistics alone", async () => {
  const filter = await instanceOf(focusFinetune())
  expect([...filter.needs]).toEqual(["draftNll_N", "referenceNll_N"])
})
