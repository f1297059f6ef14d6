import { describe, expect, test } from "bun:test"
import { readSelection } from "@winnow/core"
import { checkFilter, instanceOf, randomFilterInput } from "@winnow/testing"
import { draftEntropy } from "./index.ts"

const claims = (k: number) => ({
  kept: (N: number) => Math.floor(k * (N - 1) + 1e-9) + 1,
  keptWhenEqual: (N: number) => N,
  permutationEquivariant: true,
  refusesNotFinite: true,
})

describe("keeps the laws", () => {
  for (const order of ["top", "bottom"] as const)
    for (const k of [0.01, 0.4, 1]) test(`${order}, k = ${k}`, () => checkFilter(draftEntropy({ k, order }), claims(k)))
  test("defaults", () => checkFilter(draftEntropy(), claims(0.2)))
})

const select = async (options: Parameters<typeof draftEntropy>[0], values: Array<number>) => {
  const filter = await instanceOf(draftEntropy(options))
  const { weights_N, divideBy } = readSelection(
    filter.select({ ...randomFilterInput(values.length, 1), draftEntropy_N: Float32Array.from(values) }),
  )
  return { kept: [...weights_N], divideBy }
}

test("by hand: of 0 1 2 3 4 with k = 0.4 the two largest, or the two smallest", async () => {
  expect((await select({ k: 0.4 }, [0, 1, 2, 3, 4])).kept).toEqual([0, 0, 0, 1, 1])
  expect((await select({ k: 0.4, order: "bottom" }, [0, 1, 2, 3, 4])).kept).toEqual([1, 1, 0, 0, 0])
})

test("the normaliser is the kept tokens, or all", async () => {
  expect((await select({}, [1, 2])).divideBy).toBe("kept")
  expect((await select({ divideBy: "valid" }, [1, 2])).divideBy).toBe("valid")
})
