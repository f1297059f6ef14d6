import { describe, expect, test } from "bun:test"
import { checkExamples, instanceOf, randomExamplesInput } from "@winnow/testing"
import { perplexity } from "./index.ts"

describe("keeps the laws and floor(k (E - 1)) + 1 examples", () => {
  for (const k of [0.001, 0.5, 1])
    for (const order of ["top", "bottom"] as const)
      test(`k = ${k}, ${order}`, () =>
        checkExamples(perplexity({ k, order }), { kept: (E) => Math.floor(k * (E - 1)) + 1 }))
})

test("top reads the examples of largest perplexity, bottom the others", async () => {
  const input = { ...randomExamplesInput(4, 1), draftNll_E: Float32Array.of(0.2, 3, 1, 2) }
  const chosen = async (order: "top" | "bottom") => [...(await instanceOf(perplexity({ k: 0.5, order }))).choose(input)]
  expect(await chosen("top")).toEqual([0, 1, 0, 1])
  expect(await chosen("bottom")).toEqual([1, 0, 1, 0])
})

test("a perplexity that is not finite, and ratios outside (0, 1], are refused", async () => {
  const input = { ...randomExamplesInput(2, 1), draftNll_E: Float32Array.of(1, Number.NaN) }
  const filter = await instanceOf(perplexity())
  expect(() => filter.choose(input)).toThrow("NaN")
  await expect(instanceOf(perplexity({ k: 0 }))).rejects.toThrow("examples perplexity: k must be positive")
})
