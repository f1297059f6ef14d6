import { describe, expect, test } from "bun:test"
import { readSelection } from "@winnow/core"
import { checkFilter, instanceOf, randomFilterInput } from "@winnow/testing"
import { adaspec } from "./index.ts"

/** floor(k (N - 1)) + 1: the number of N distinct values that a linearly interpolated quantile keeps. */
const claims = (k: number) => ({
  kept: (N: number) => Math.floor(k * (N - 1) + 1e-9) + 1,
  keptWhenEqual: (N: number) => N,
  permutationEquivariant: true,
  refusesNotFinite: true,
})

describe("keeps the laws", () => {
  for (const order of ["top", "bottom"] as const)
    for (const k of [0.01, 0.4, 1]) test(`${order}, k = ${k}`, () => checkFilter(adaspec({ k, order }), claims(k)))
  test("defaults", () => checkFilter(adaspec(), claims(0.4)))
})

const select = async (options: Parameters<typeof adaspec>[0], draft: Array<number>, reference: Array<number>) => {
  const filter = await instanceOf(adaspec(options))
  const input = randomFilterInput(draft.length, 1)
  input.draftLoss_N.set(draft)
  input.referenceLoss_N.set(reference)
  const { weights_N, divideBy } = readSelection(filter.select(input))
  return { kept: [...weights_N], divideBy }
}

test("torch.quantile's threshold, by hand: excess 4 3 2 1 0, k = 0.4, place 2.4, threshold 2.4", async () => {
  const { kept } = await select({}, [5, 4, 3, 2, 1], [1, 1, 1, 1, 1])
  expect(kept).toEqual([1, 1, 0, 0, 0])
  const bottom = await select({ order: "bottom" }, [5, 4, 3, 2, 1], [1, 1, 1, 1, 1])
  expect(bottom.kept).toEqual([0, 0, 0, 1, 1])
})

test("ties with the threshold are kept: more than k N", async () => {
  const { kept } = await select({}, [2, 2, 2, 2, 1], [1, 1, 1, 1, 1])
  expect(kept).toEqual([1, 1, 1, 1, 0])
})

test("a draft ahead of the reference everywhere still trains on its fraction", async () => {
  const { kept } = await select({}, [0.1, 0.2, 0.3, 0.4, 0.5], [1, 1, 1, 1, 1])
  expect(kept).toEqual([0, 0, 0, 1, 1])
})

test("easy for both and hard for both are dropped alike", async () => {
  const { kept } = await select({ k: 0.3 }, [0.1, 5, 3], [0.1, 5, 1])
  expect(kept).toEqual([0, 0, 1])
})

test("the normaliser is the kept tokens, or all", async () => {
  expect((await select({}, [1, 2], [0, 0])).divideBy).toBe("kept")
  expect((await select({ divideBy: "valid" }, [1, 2], [0, 0])).divideBy).toBe("valid")
})

test("a NaN loss names its token", async () => {
  await expect(select({}, [1, Number.NaN], [0, 0])).rejects.toThrow(/\[1\] is NaN, expected a finite number/)
})
