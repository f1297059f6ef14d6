import { describe, expect, test } from "bun:test"
import { checkExamples, instanceOf, randomExamplesInput } from "@winnow/testing"
import { randomExamples } from "./index.ts"

describe("keeps the laws and exactly round(k E) examples", () => {
  for (const k of [0.001, 0.5, 1])
    test(`k = ${k}`, () => checkExamples(randomExamples({ k }), { kept: (E) => Math.max(1, Math.round(k * E)) }))
})

test("every example is as likely as any other, and another seed keeps others", async () => {
  const filter = await instanceOf(randomExamples({ k: 0.3 }))
  const [E, rounds] = [20, 2000]
  const kept_E = new Float64Array(E)
  for (let seed = 0; seed < rounds; seed++)
    for (const [e, kept] of filter.choose(randomExamplesInput(E, seed)).entries()) kept_E[e]! += kept
  // Standard deviation of an example's share: sqrt(0.3 0.7 / 2000) = 0.0102; 4.5 of them, for 20 examples at a fixed seed.
  for (const count of kept_E) expect(Math.abs(count / rounds - 0.3)).toBeLessThan(0.046)
})

test("ratios outside (0, 1] are refused", async () => {
  await expect(instanceOf(randomExamples({ k: 0 }))).rejects.toThrow("examples random-examples: k must be positive")
})
