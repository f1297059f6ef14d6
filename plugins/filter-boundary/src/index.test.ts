import { describe, expect, test } from "bun:test"
import { readSelection } from "@winnow/core"
import { checkFilter, instanceOf, randomFilterInput } from "@winnow/testing"
import { boundary } from "./index.ts"

describe("keeps the laws", () => {
  for (const k of [0.01, 0.4, 1])
    test(`k = ${k}`, () => checkFilter(boundary({ k }), { permutationEquivariant: true, refusesNotFinite: true }))
})

const select = async (options: Parameters<typeof boundary>[0], rank: Array<number>, lead: Array<number>) => {
  const filter = await instanceOf(boundary(options))
  const input = {
    ...randomFilterInput(rank.length, 1),
    draftRank_N: Float32Array.from(rank),
    draftLead_N: Float32Array.from(lead),
  }
  return [...readSelection(filter.select(input)).weights_N]
}

test("by hand: settled, narrowly right, narrowly wrong, hopeless", async () => {
  expect(await select({ k: 0.5 }, [0, 0, 1, 9], [4, 0.1, -0.2, -6])).toEqual([0, 1, 1, 0])
})

test("out of the draft's first tokens is out of reach, however narrow", async () => {
  expect(await select({ k: 0.5, top: 2 }, [0, 5, 1, 0], [4, -0.1, -0.2, 5])).toEqual([0, 0, 1, 0])
})

test("where none is in reach the narrowest are kept", async () => {
  expect(await select({ k: 0.4, top: 1 }, [3, 2], [-1, -2])).toEqual([1, 0])
})

test("a NaN margin names its token", async () => {
  await expect(select({}, [0, 1], [1, Number.NaN])).rejects.toThrow(/\[1\] is NaN, expected a finite number/)
})
