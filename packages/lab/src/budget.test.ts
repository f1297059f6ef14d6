import { expect, test } from "bun:test"
import type { Architecture, HeadArchitecture, Statistic } from "@winnow/core"
import { trainedPart } from "@winnow/models"
import type { SignalsOptions } from "@winnow/training"
import { forwardFlops, passFlops, trainingFlops } from "./budget.ts"

/** Head 2 d V FLOPs, trunk one FLOP a token. */
const architecture = (hiddenSize: number) =>
  ({ hiddenSize, vocabularySize: 10, trunkFlops: () => 1 }) as unknown as Architecture
const [draft, target, reference] = [architecture(2), architecture(5), architecture(3)]
const [ofDraft, ofTarget, ofReference] = [40, 100, 60]
const tokens = { seen: 1000, valid: 100, trained: 40 }
const cost = (needs: ReadonlyArray<Statistic>, lossNeedsTarget: boolean, lossReadsBatch: boolean) =>
  passFlops(tokens, { draft, target, reference, needs, lossNeedsTarget, lossReadsBatch, T: 8 })
const excess: ReadonlyArray<Statistic> = ["draftLoss_N", "referenceLoss_N"]

test("a plain step: draft forward and backward, its head on kept tokens", () => {
  expect(cost([], false, false)).toBe(3 * 1000 + 3 * 40 * ofDraft)
})

test("an excess filter under a loss with the target: heads of all three on valid tokens, trunks of all three", () => {
  const trunks = 3 * 1000 + 1000 + 1000
  const statistics = 100 * (ofDraft + ofTarget + ofReference)
  expect(cost(excess, true, false)).toBe(trunks + statistics + 40 * (3 * ofDraft + ofTarget))
})

test("a loss with batch statistics reads kept rows once more, and all valid rows for each loss that a filter asks for", () => {
  const more = (needs: ReadonlyArray<Statistic>, withTarget: boolean) =>
    cost(needs, withTarget, true) - cost(needs, withTarget, false)
  const kept = 40 * (ofDraft + ofTarget)
  expect(more([], true)).toBe(kept)
  expect(more(["draftEntropy_N"], true)).toBe(kept)
  expect(more(["draftLoss_N"], true)).toBe(kept + 100 * (ofDraft + ofTarget))
  expect(more(excess, true)).toBe(kept + 100 * (ofDraft + ofReference + 2 * ofTarget))
  expect(more(excess, false)).toBe(40 * ofDraft + 100 * (ofDraft + ofReference))
})

test("cached signals are not counted again: hidden states leave the head's product, other forms nothing", () => {
  const passes = { draft, target, reference, needs: excess, lossNeedsTarget: true, lossReadsBatch: false, T: 8 }
  const live = passFlops(tokens, passes)
  const saved = (signals: SignalsOptions) => live - passFlops(tokens, { ...passes, signals })
  const ofHeads = 100 * ofTarget + 40 * ofTarget
  expect(saved({ target: "live", reference: "live" })).toBe(0)
  expect(saved({ target: "hidden", reference: "live" })).toBe(1000)
  for (const form of ["full", { topK: 4 }, { samples: 4, seed: 0 }] as const)
    expect(saved({ target: form, reference: "live" })).toBe(1000 + ofHeads)
  expect(saved({ target: "live", reference: "cached" })).toBe(1000 + 100 * ofReference)
  expect(saved({ target: "full", reference: "cached" })).toBe(2000 + ofHeads + 100 * ofReference)
})

test("a frozen head costs two thirds, a frozen matrix its own gradient, a frozen trunk its whole backward pass", () => {
  const shapes = { embedding: [10, 2], "a.weight": [2, 3], "b.weight": [3, 2], head: [10, 2], norm: [2] }
  const parameters = new Map(Object.entries(shapes).map(([name, shape]) => [name, { shape }]))
  const matrices = new Set(["a.weight", "b.weight"])
  const whole = { ...draft, embedding: "embedding", head: "head", parameters, matrices } as unknown as Architecture
  const passes = { draft: whole, needs: [], lossNeedsTarget: false, lossReadsBatch: false, T: 8 }
  const of = (frozen: ReadonlyArray<string>) => passFlops(tokens, { ...passes, part: trainedPart(whole, { frozen }) })
  expect(of([])).toBe(passFlops(tokens, passes))
  expect(of([]) - of(["embedding"])).toBe(0)
  expect(of([]) - of(["head"])).toBe(40 * ofDraft)
  expect(of([]) - of(["a.*"])).toBe(2 * 6 * 1000)
  expect(of([]) - of(["embedding", "a.*", "b.*", "norm"])).toBe(2 * 1000)
})

test("a head on a target: matrices at the rows of their entry, layers on all tokens, a vocabulary head of its own or the target's", () => {
  const matrix = (...shape: ReadonlyArray<number>) => ({ shape, init: { kind: "zeros" as const } })
  const of = (shapes: ReadonlyArray<ReadonlyArray<number>>, more: Partial<HeadArchitecture>) => {
    const parameters = new Map(shapes.map((shape, i) => [`${i}`, matrix(...shape)]))
    const head: HeadArchitecture = { parameters, rows: () => [], ...more }
    return passFlops(tokens, {
      draft: target,
      head,
      target,
      needs: [],
      lossNeedsTarget: false,
      lossReadsBatch: false,
      T: 8,
    })
  }
  // The target's trunk runs forward once.
  const [trunk, shared, own] = [1000, 2 * 40 * ofTarget, 3 * 40 * ofTarget]
  expect(of([[5, 5], [5]], {})).toBe(trunk + 3 * 100 * 2 * 25 + shared)
  expect(of([[10, 5]], {})).toBe(trunk + own)
  // Of two entries each has half of the matrices, and half of the rows are its own.
  expect(
    of(
      [
        [5, 5],
        [5, 5],
      ],
      { entries: 2 },
    ),
  ).toBe(trunk + 3 * 50 * 2 * 50 + shared)
  expect(of([[5, 5]], { entries: 3, trunkFlops: (T) => 7 * T })).toBe(trunk + 3 * 1000 * 7 * 8 + shared)
  expect(
    of(
      [
        [5, 5],
        [3, 5],
      ],
      { classes: 3 },
    ),
  ).toBe(trunk + 3 * 100 * 2 * 40)
})

test("a forward pass: trunk and head by their own tokens; adapters add their products once a step and twice a micro-batch", () => {
  expect(forwardFlops(target, { trunk: 7, head: 3, length: 8 })).toBe(7 + 3 * ofTarget)
  expect(forwardFlops(target, { trunk: 7, head: 0, length: 8 })).toBe(7)
  const parameters = new Map([["a.weight", { shape: [6, 4] }]])
  const whole = { ...draft, head: "head", parameters, matrices: new Set(["a.weight"]) } as unknown as Architecture
  const adapters = { kind: "lora" as const, rank: 2, alpha: 1, on: ["a"] }
  const part = trainedPart(whole, { adapters })
  const passes = { draft: whole, part, needs: [], lossNeedsTarget: false, lossReadsBatch: false, T: 8 }
  const training = { adapters, steps: 5, microBatches: 3 }
  expect(trainingFlops(tokens, passes, training) - passFlops(tokens, passes)).toBe(2 * 6 * 4 * 2 * 5 * (1 + 2 * 3))
  expect(trainingFlops(tokens, passes, { steps: 5, microBatches: 3 })).toBe(passFlops(tokens, passes))
})
