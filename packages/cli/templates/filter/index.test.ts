import { expect, test } from "bun:test"
import { checkFilter, instanceOf, randomFilterInput } from "@winnow/testing"
import { myFilter } from "./index.ts"

test("keeps the laws", () =>
  checkFilter(myFilter(), {
    kept: (N) => Math.floor(0.4 * (N - 1)) + 1,
    keptWhenEqual: (N) => N,
    permutationEquivariant: true,
    refusesNotFinite: true,
  }))

test("keeps what the draft is least sure of", async () => {
  const filter = await instanceOf(myFilter({ k: 0.5 }))
  const draftEntropy_N = Float32Array.of(0.1, 2, 0.3, 1)
  expect(filter.select({ ...randomFilterInput(4, 1), draftEntropy_N })).toEqual(Uint8Array.of(0, 1, 0, 1))
})
