import { describe, expect, test } from "bun:test"
import { readSelection } from "@winnow/core"
import { checkFilter, instanceOf, randomFilterInput } from "@winnow/testing"
import { hellinger } from "./index.ts"

describe("keeps the laws", () => {
  for (const adaptive of [true, false])
    for (const k of [0.01, 0.4, 1])
      test(`k = ${k}, ${adaptive ? "adaptive" : "fixed"}`, () =>
        checkFilter(hellinger({ k, adaptive }), {
          kept: (N) => Math.floor(k * (N - 1) + 1e-9) + 1,
          keptWhenEqual: (N) => N,
          permutationEquivariant: true,
          refusesNotFinite: true,
        }))
})

const micro = (loss: number) => ({
  ...randomFilterInput(101, 1),
  hellinger_N: Float32Array.from({ length: 101 }, (_, n) => n / 101),
  draftLoss_N: new Float32Array(101).fill(loss),
})
const kept = (weights: ReturnType<typeof readSelection>) => weights.weights_N.filter((w) => w > 0).length

test("by hand: a loss that rises for good widens the ratio by 5 %, one that falls narrows it", async () => {
  const run = async (losses: ReadonlyArray<number>, options: Parameters<typeof hellinger>[0] = {}) => {
    const filter = await instanceOf(hellinger({ k: 0.4, ...options }))
    return losses.map((loss) => kept(readSelection(filter.select(micro(loss)))))
  }
  // The average is 1 at first; 0.99 * 1 + 0.01 * 7 = 1.06 is above 1.05, and 0.01 * 0 later below nothing: r = 0.42.
  expect(await run([1, 7, 1])).toEqual([41, 41, 43])
  // 0.99 + 0.01 * -5 = 0.94 is below 0.95: r = 0.38.
  expect(await run([1, -5, 1])).toEqual([41, 41, 39])
  expect(await run([1, 7, 1], { adaptive: false })).toEqual([41, 41, 41])
})

test("the ratio stays between 0.1 and 1", async () => {
  const up = await instanceOf(hellinger({ k: 0.9 }))
  let loss = 1
  let last = 0
  for (let i = 0; i < 60; i++) last = kept(readSelection(up.select(micro((loss *= 3)))))
  expect(last).toBe(101)
  const down = await instanceOf(hellinger({ k: 0.12 }))
  for (let i = 0; i < 600; i++) last = kept(readSelection(down.select(micro(i === 0 ? 1000 : 0))))
  expect(last).toBe(11)
})

test("a NaN distance names its token", async () => {
  const filter = await instanceOf(hellinger())
  expect(() => filter.select({ ...micro(1), hellinger_N: Float32Array.of(1, Number.NaN) })).toThrow(/\[1\] is NaN/)
})
