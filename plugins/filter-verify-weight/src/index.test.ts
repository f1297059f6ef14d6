import { describe, expect, test } from "bun:test"
import { readSelection } from "@winnow/core"
import { checkFilter, instanceOf, randomFilterInput } from "@winnow/testing"
import { verifyWeight } from "./index.ts"

describe("keeps the laws", () => {
  for (const top of [1, 5])
    for (const beta of [0.01, 1])
      test(`top ${top}, beta ${beta}`, () =>
        checkFilter(verifyWeight({ top, beta }), { kept: (N) => N, permutationEquivariant: true }))
})

const select = async (options: Parameters<typeof verifyWeight>[0]) => {
  const filter = await instanceOf(verifyWeight(options))
  const input = { ...randomFilterInput(4, 1), targetRank_N: Float32Array.of(0, 1, 4, 5) }
  const { weights_N, divideBy } = readSelection(filter.select(input))
  return { weights: [...weights_N].map((w) => Number(w.toPrecision(6))), divideBy }
}

test("by hand: ranks 0 1 4 5", async () => {
  expect(await select({})).toEqual({ weights: [1, 1, 1, 0.01], divideBy: "valid" })
  expect(await select({ top: 1, beta: 0.5, divideBy: "kept" })).toEqual({
    weights: [1, 0.5, 0.5, 0.5],
    divideBy: "kept",
  })
})

test("a weight of 0 is refused", async () => {
  await expect(instanceOf(verifyWeight({ beta: 0 }))).rejects.toThrow(/beta must be/)
})
