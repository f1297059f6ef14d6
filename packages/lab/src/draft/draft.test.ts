/** The sizes of a draft, its expected speed-up against a simulation, the recommended size, and the split of prompts. */
import { expect, test } from "bun:test"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { splitExamples } from "../adapt/prompts-task.ts"
import { recommended, type SizeCosts, sizeCosts, speedupAt, targetCosts } from "./costs.ts"
import { draftSizes, randomOf } from "./sizes.ts"

const common = { vocab_size: 40, num_hidden_layers: 8, max_position_embeddings: 64 }
const of = (num_key_value_heads: number) => {
  const shape = { hidden_size: 32, num_attention_heads: 4, num_key_value_heads, intermediate_size: 48 }
  return Effect.runSync(llama({ ...common, ...shape }).instance)
}
const target = of(4)

test("sizes are some of the target's layers, at its widths, a half, a quarter; those that its heads refuse are none", () => {
  const shape = (of: ReturnType<typeof draftSizes>) =>
    of.map(({ name, architecture }) => [name, architecture.layers, architecture.hiddenSize])
  expect(shape(draftSizes(target))).toEqual([
    ["whole-4", 4, 32],
    ["whole-2", 2, 32],
    ["whole-1", 1, 32],
    ["half-4", 4, 16],
    ["half-2", 2, 16],
    ["half-1", 1, 16],
    ["quarter-4", 4, 8],
    ["quarter-2", 2, 8],
  ])
  // A quarter of the query heads would share both heads of keys and values.
  expect(shape(draftSizes(of(2))).map(([name]) => name)).not.toContain("quarter-4")
  const [first] = draftSizes(target)
  expect(first!.start).toEqual({ kind: "layers", of: "target", layers: [0, 2, 5, 7] })
  const odd = gpt2({ vocab_size: 40, n_embd: 18, n_layer: 1, n_head: 3, n_positions: 32 })
  expect(shape(draftSizes(Effect.runSync(odd.instance)))).toEqual([])
  const one = gpt2({ vocab_size: 40, n_embd: 16, n_layer: 1, n_head: 2, n_positions: 32 })
  expect(shape(draftSizes(Effect.runSync(one.instance)))).toEqual([["half-1", 1, 8]])
})

test("each size is a model that decodes, and measuring leaves no tensor", () => {
  const before = tf.memory().numTensors
  for (const size of draftSizes(target)) {
    const model = randomOf(size)
    expect(model.architecture.vocabularySize).toBe(40)
    model.dispose()
  }
  const model = initialise(target, 1)
  const costs = targetCosts(model)
  model.dispose()
  expect(Object.keys(costs.checking)).toEqual(["1", "2", "4", "8"])
  for (const figure of [costs.seconds, costs.writing, ...Object.values(costs.checking)])
    expect(figure).toBeGreaterThan(0)
  expect(tf.memory().numTensors).toBe(before)
})

const costs = { seconds: 0.01, checking: { 1: 1.1, 2: 1.2, 4: 1.4, 8: 1.9 }, writing: 100 }

test("the expected speed-up is that of blocks that are played out", () => {
  const rng = seeded(1, "blocks")
  for (const [acceptance, cost] of [
    [0.5, 0.1],
    [0.9, 0.05],
    [0.2, 0.4],
  ] as const) {
    const played = Object.entries(costs.checking).map(([length, checking]) => {
      const gamma = Number(length)
      let tokens = 0
      const blocks = 20_000
      for (let block = 0; block < blocks; block++) {
        let accepted = 0
        while (accepted < gamma && rng.uniform() < acceptance) accepted++
        tokens += accepted + 1
      }
      return tokens / blocks / (gamma * cost + checking)
    })
    expect(speedupAt(acceptance, cost, costs)).toBeCloseTo(Math.max(...played), 1)
  }
  // At the tau that breaks even a block takes as long as its tokens do alone.
  expect(sizeCosts("one", 10, 0.1, costs).breakEven).toBeCloseTo(4 * 0.1 + 1.4, 12)
})

test("the largest size that is nearly as fast as the best one is recommended", () => {
  const size = (name: string, parameters: number, cost: number): SizeCosts => sizeCosts(name, parameters, cost, costs)
  const all = [size("large", 100, 0.3), size("middle", 50, 0.06), size("small", 10, 0.03)]
  expect(recommended(all).name).toBe("middle")
  expect(recommended([all[0]!]).name).toBe("large")
})

test("prompts are held out evenly, and the same prompts are not trained on", () => {
  const all = Array.from({ length: 10 }, (_, i) => ({ prompt: `p${i % 9}`, answer: "" }))
  const { train, test, leftOut } = splitExamples(all, 2)
  expect(test.map(({ prompt }) => prompt)).toEqual(["p4", "p0"])
  expect(train.map(({ prompt }) => prompt)).toEqual(["p1", "p2", "p3", "p5", "p6", "p7", "p8"])
  expect(leftOut).toBe(1)
  expect(splitExamples(all, 0)).toEqual({ train: all, test: [], leftOut: 0 })
})
