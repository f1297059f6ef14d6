import { describe, expect, test } from "bun:test"
import type { ObjectiveInput } from "@winnow/core"
import { batches } from "@winnow/data"
import { seeded } from "@winnow/numerics"
import { checkObjective, instanceOf } from "@winnow/testing"
import { masked } from "./index.ts"

const maskId = 50
const rng = seeded(1, "texts")
const examples = Array.from({ length: 40 }, (_, i) => ({
  ids: Int32Array.from({ length: 3 + (i % 18) }, () => rng.below(40)),
  promptLength: i % 3,
}))
const input = (more: Partial<ObjectiveInput> = {}): ObjectiveInput => ({
  examples,
  padId: 45,
  vocabularySize: 51,
  step: 0,
  steps: 11,
  rng: seeded(7, "draws"),
  ...more,
})

const phases = [
  { until: 0.1, rate: 0.6 },
  { until: 0.8, rate: 0.4 },
  { until: 1, rate: 0.15 },
]

test.each([
  {},
  { of: "all" },
  { rate: { from: 0.6, to: 0.2 } },
  { of: "all", rate: { from: 0.6, to: 0.2 } },
  { rate: { phases } },
  { by: "before", of: "all" },
] as const)("keeps the laws: %j", (options) => checkObjective(masked({ maskId, ...options })))

describe("the input", () => {
  test("unmasked tokens and the prompt stay unchanged; padding fills the right", async () => {
    const { problem } = await instanceOf(masked({ maskId, rate: 0.5 }))
    const { ids_BT, row_N, length_B, T, tokens } = problem(input())
    const rows = new Set(row_N)
    for (const [b, { ids, promptLength }] of examples.entries()) {
      expect(length_B[b]).toBe(ids.length)
      for (let t = 0; t < T; t++) {
        const at = b * T + t
        if (t >= ids.length) expect(ids_BT[at]).toBe(45)
        else if (!rows.has(at)) expect(ids_BT[at]).toBe(ids[t]!)
        if (t < promptLength) expect(rows.has(at)).toBe(false)
      }
    }
    expect(tokens).toBe(examples.reduce((sum, { ids }) => sum + ids.length, 0))
  })

  test.each([
    [{ mask: 1, random: 0, keep: 0 }, [1, 0, 0]],
    [{ mask: 0, random: 0, keep: 1 }, [0, 0, 1]],
    [{}, [0.8, 0.1, 0.1]],
  ] as const)("shares %j", async (shares, [mask, random, keep]) => {
    const { problem } = await instanceOf(masked({ maskId, rate: 1, of: "all", ...shares }))
    const many = Array.from({ length: 20 }, () => examples).flat()
    const { ids_BT, row_N, gold_N } = problem(input({ examples: many }))
    const counts = [0, 0, 0]
    for (const [n, row] of row_N.entries()) {
      const id = ids_BT[row]!
      counts[id === maskId ? 0 : id === gold_N[n] ? 2 : 1]!++
    }
    // about 8000 draws; a random id is the mask or the token itself in 2 of 51 cases
    for (const [i, share] of [mask, random, keep].entries())
      expect(Math.abs(counts[i]! / row_N.length - share)).toBeLessThan(share === 0 ? 1e-9 : 0.02)
  })
})

describe("the rate", () => {
  const countAt = async (options: Parameters<typeof masked>[0], step: number) => {
    const { problem } = await instanceOf(masked(options))
    return problem(input({ step })).row_N.length
  }
  const answers = examples.map(({ ids, promptLength }) => ids.length - promptLength)
  const expected = (rate: number) => answers.reduce((sum, n) => sum + Math.max(1, Math.round(rate * n)), 0)

  test("is of the answer's tokens, one at least", async () => {
    expect(await countAt({ maskId, rate: 0.4 }, 0)).toBe(expected(0.4))
    expect(await countAt({ maskId, rate: 0.001 }, 5)).toBe(examples.length)
    const whole = await countAt({ maskId, rate: 1, of: "all" }, 0)
    expect(whole).toBe(examples.reduce((sum, { ids }) => sum + ids.length, 0))
  })

  test("goes in a straight line from the first step to the last", async () => {
    const options = { maskId, rate: { from: 0.5, to: 0.1 } }
    const counts = [await countAt(options, 0), await countAt(options, 5), await countAt(options, 10)]
    expect(counts).toEqual([expected(0.5), expected(0.3), expected(0.1)])
  })

  test("has phases: each up to its share of the steps", async () => {
    const options = { maskId, rate: { phases } }
    const counts = await Promise.all([0, 1, 2, 8, 9, 10].map((step) => countAt(options, step)))
    expect(counts).toEqual([0.6, 0.6, 0.4, 0.4, 0.15, 0.15].map(expected))
    expect(instanceOf(masked({ maskId, rate: { phases: phases.slice(0, 2) } }))).rejects.toThrow("ascend to 1")
    expect(instanceOf(masked({ maskId, rate: { phases: phases.toReversed() } }))).rejects.toThrow("ascend to 1")
  })
})

test("by the position before, the masked token stays where it was and the row is one to the left", async () => {
  const one = [{ ids: Int32Array.from({ length: 8 }, (_, i) => i), promptLength: 0 }]
  const shares = { mask: 1, random: 0, keep: 0 }
  const { problem } = await instanceOf(masked({ maskId, rate: 1, by: "before", ...shares }))
  const { ids_BT, row_N, gold_N, position_N } = problem(input({ examples: one }))
  expect([...ids_BT]).toEqual([0, ...Array.from({ length: 7 }, () => maskId)])
  expect([...row_N]).toEqual([0, 1, 2, 3, 4, 5, 6])
  expect([...gold_N]).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect([...position_N]).toEqual([...gold_N])
})

test("positions are drawn evenly, and again in each micro-batch", async () => {
  const { problem } = await instanceOf(masked({ maskId, rate: 0.25 }))
  const one = [{ ids: Int32Array.from({ length: 8 }, (_, i) => i), promptLength: 0 }]
  const counts = new Array<number>(8).fill(0)
  for (let step = 0; step < 2000; step++)
    for (const position of problem(input({ examples: one, rng: seeded(3, step) })).position_N) counts[position]!++
  for (const count of counts) expect(Math.abs(count / 2000 - 0.25)).toBeLessThan(0.04)
})

test("batch t has the same masks whether a run came to it or resumed at it, and no other batch has", async () => {
  const instance = await instanceOf(masked({ maskId }))
  const source = () =>
    batches(examples, {
      batchSize: 40,
      seed: 2,
      bucket: 1,
      objective: { instance, vocabularySize: 51, steps: 9, microBatches: 2 },
    })
  const run = source()
  const all = Array.from({ length: 4 }, (_, t) => run.batch(t))
  expect(source().batch(3)).toEqual(all[3]!)
  expect(all[0]!.ids_BT).not.toEqual(all[1]!.ids_BT)
})

test("shares that do not add up are refused, and a mask that the model does not have is named", async () => {
  await expect(instanceOf(masked({ maskId, mask: 0.8, random: 0.3 }))).rejects.toThrow("add up to 1")
  const { problem } = await instanceOf(masked({ maskId: 60, mask: 1, random: 0, keep: 0 }))
  expect(() => problem(input())).toThrow("is 60; the model has ids 0 to 50")
})
