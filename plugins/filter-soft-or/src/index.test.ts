import { describe, expect, test } from "bun:test"
import { readSelection } from "@winnow/core"
import { checkFilter, instanceOf, randomFilterInput } from "@winnow/testing"
import { softOr } from "./index.ts"

describe("keeps the laws", () => {
  for (const order of ["top", "bottom"] as const)
    for (const k of [0.01, 0.5, 1])
      test(`${order}, k = ${k}`, () =>
        checkFilter(softOr({ k, order }), {
          keptWhenEqual: (N) => N,
          permutationEquivariant: true,
          refusesNotFinite: true,
        }))
})

const select = async (options: Parameters<typeof softOr>[0], entropy: Array<number>, loss: Array<number>) => {
  const filter = await instanceOf(softOr(options))
  const input = {
    ...randomFilterInput(entropy.length, 1),
    draftEntropy_N: Float32Array.from(entropy),
    draftLoss_N: Float32Array.from(loss),
  }
  return [...readSelection(filter.select(input)).weights_N]
}

test("by hand: h = 0 1/2 1 0, d = 0 1/2 0 1, scores 0 3/4 1 1", async () => {
  expect(await select({ k: 0.5 }, [1, 2, 3, 1], [0, 2, 0, 4])).toEqual([0, 0, 1, 1])
  expect(await select({ k: 0.3, order: "bottom" }, [1, 2, 3, 1], [0, 2, 0, 4])).toEqual([1, 0, 0, 0])
})

test("a loss that is the same everywhere leaves the choice to the entropy", async () => {
  expect(await select({ k: 0.3 }, [1, 3, 2], [7, 7, 7])).toEqual([0, 1, 0])
})
