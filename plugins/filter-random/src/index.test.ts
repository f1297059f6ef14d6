import { describe, expect, test } from "bun:test"
import { readSelection } from "@winnow/core"
import { checkFilter, instanceOf, randomFilterInput } from "@winnow/testing"
import { random } from "./index.ts"

describe("keeps the laws and exactly round(k N) tokens", () => {
  for (const k of [0.001, 0.4, 0.5, 1])
    test(`k = ${k}`, () => {
      const kept = (N: number) => Math.max(1, Math.round(k * N))
      return checkFilter(random({ k }), { kept, keptWhenEqual: kept })
    })
})

test("every token is as likely as any other", async () => {
  const filter = await instanceOf(random({ k: 0.3 }))
  const [N, rounds] = [20, 2000]
  const kept_N = new Float64Array(N)
  for (let seed = 0; seed < rounds; seed++) {
    const { weights_N } = readSelection(filter.select(randomFilterInput(N, seed)))
    for (let n = 0; n < N; n++) kept_N[n]! += weights_N[n]!
  }
  // Standard deviation of a token's share: sqrt(0.3 0.7 / 2000) = 0.0102; 4.5 of them, for 20 tokens at a fixed seed.
  for (const count of kept_N) expect(Math.abs(count / rounds - 0.3)).toBeLessThan(0.046)
})

test("another step keeps other tokens", async () => {
  const filter = await instanceOf(random())
  const at = (step: number) => readSelection(filter.select(randomFilterInput(64, 1, step))).weights_N
  expect(at(0)).not.toEqual(at(1))
})

test("unknown options and ratios outside (0, 1] are refused", async () => {
  await expect(instanceOf(random.use({ k: 0 }) as ReturnType<typeof random>)).rejects.toThrow(
    /filter random: k must be/,
  )
  await expect(instanceOf(random.use({ keep: 0.5 }) as ReturnType<typeof random>)).rejects.toThrow(
    /keep must be removed/,
  )
})
