/** Decoding by a head on the target's states is lossless: exact enumeration, joint 4-grams, greedy identity, controls. */
import { afterEach, describe, expect, test } from "bun:test"
import type { DraftHead, Proposer } from "@winnow/core"
import { generate } from "@winnow/generation"
import { eagle } from "@winnow/head-eagle"
import { hydra } from "@winnow/head-hydra"
import { medusa } from "@winnow/head-medusa"
import { makeHead } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import {
  type Decoded,
  everyText,
  FLAW_TEMPERATURE,
  type Flaw,
  flaws,
  instanceOf,
  nGramExcess,
  noFlaw,
  randomPrompts,
  type TableModel,
  tableModel,
  targetTexts,
  worstError,
} from "@winnow/testing"
import { headProposer } from "../head-proposer.ts"
import { speculate } from "../speculate.ts"

const heads = {
  "own vocabularies": await instanceOf(medusa({ heads: 3 })),
  "hydra, given the tokens before": await instanceOf(hydra({ heads: 3, blocks: 2, vocabulary: "target" })),
  "eagle, on its own features": await instanceOf(eagle({ num_attention_heads: 2 })),
  "eagle, with a private part": await instanceOf(eagle({ num_attention_heads: 2, private: { size: 3 } })),
  "the target's vocabulary": await instanceOf(medusa({ heads: 2, blocks: 2, vocabulary: "target", bias: false })),
}

const made: Array<{ readonly dispose: () => void }> = []
const tensors = tf.memory().numTensors
afterEach(() => {
  for (const model of made.splice(0)) model.dispose()
  expect(tf.memory().numTensors).toBe(tensors)
})

/** A target, and a head of random weights on it. */
const pairOf = (of: (typeof heads)["own vocabularies"], V: number, seed: number) => {
  const target: TableModel = tableModel({ V, states: 12, seed, sharpness: 1, zeros: 0.1, quick: true })
  const parameters = new Map(
    Array.from(of.on(target.architecture).parameters, ([name, { shape }]) => {
      const values = normals(shape[0]! * (shape[1] ?? 1), name.startsWith("lm_heads") ? 1 : 0.3, seeded(seed, name))
      return [name, tf.tidy(() => tf.variable(tf.tensor(values, [...shape])))] as const
    }),
  )
  const own: DraftHead = makeHead(of, target, parameters)
  made.push(own, target)
  return { target, head: own, draft: headProposer(own) }
}

const prompt = [1, 0]
for (const [name, head] of Object.entries(heads))
  describe(name, () => {
    const settings: ReadonlyArray<Decoded["options"] & { readonly draftLength: number }> = [
      { temperature: 1, draftLength: 2, maxNew: 4, eosId: 2 },
      { temperature: 0.7, topK: 2, draftLength: 4, maxNew: 4 },
      { temperature: 1.4, topP: 0.8, draftLength: 1, maxNew: 3 },
    ]
    for (const options of settings)
      test(`whole texts have the target's distribution at ${JSON.stringify(options)}`, () => {
        const decoded = { ...pairOf(head, 3, 20), prompt, options }
        const outcomes = everyText(decoded)
        expect(worstError(outcomes, targetTexts(decoded))).toBeLessThan(1e-12)
        // it proposes, after the block that reads the prompt
        expect(Math.max(...outcomes.map(({ value }) => value.counts.accepted))).toBeGreaterThan(0)
        expect(new Set(outcomes.map(({ value }) => value.counts.testedAt.length))).toEqual(
          new Set([options.draftLength]),
        )
      })

    test("greedy texts are the target's own, with some proposals accepted and some not", async () => {
      const { target, draft } = pairOf(head, 4, 9)
      const prompts = randomPrompts(12, 4, 8, 2)
      const { rollouts } = await generate(target, prompts, { maxNew: 24, eosId: 2 })
      let [accepted, rejected] = [0, 0]
      for (const draftLength of [1, 2, 5]) {
        const done = await speculate(target, draft, prompts, { draftLength, maxNew: 24, eosId: 2 })
        expect(done.map(({ rollout }) => rollout)).toEqual([...rollouts])
        for (const { counts } of done) [accepted, rejected] = [accepted + counts.accepted, rejected + counts.rejected]
      }
      expect(Math.min(accepted, rejected)).toBeGreaterThan(10)
    })
  })

const trees = [{ widths: [2, 1] }, { widths: [2, 2], siblings: "best" as const }, { nodes: 4, width: 2 }]
for (const [name, head] of Object.entries(heads))
  describe(`trees, ${name}`, () => {
    for (const tree of trees)
      test(`whole texts have the target's distribution with ${JSON.stringify(tree)}`, () => {
        const { target, head: own } = pairOf(head, 3, 20)
        for (const temperature of [1, 0.6]) {
          const options = { temperature, draftLength: 2, maxNew: 3, eosId: 2 }
          const decoded = { target, draft: headProposer(own, tree), prompt, options }
          const outcomes = everyText(decoded)
          expect(worstError(outcomes, targetTexts(decoded))).toBeLessThan(1e-12)
          expect(Math.max(...outcomes.map(({ value }) => value.counts.accepted))).toBeGreaterThan(0)
        }
      })

    test("greedy texts are the target's own, later siblings among the accepted; one of one child each is the chain", async () => {
      const prompts = randomPrompts(12, 4, 8, 2)
      const options = { draftLength: 2, maxNew: 24, eosId: 2 }
      let later = 0
      for (const seed of [9, 10, 11]) {
        const { target, head: own } = pairOf(head, 4, seed)
        const { rollouts } = await generate(target, prompts, { maxNew: 24, eosId: 2 })
        for (const tree of trees) {
          const done = await speculate(target, headProposer(own, tree), prompts, options)
          expect(done.map(({ rollout }) => rollout)).toEqual([...rollouts])
          for (const { counts } of done) later += counts.acceptedRank[1] ?? 0
        }
        const of = async (draft: Proposer) =>
          (await speculate(target, draft, prompts, options)).map(({ counts }) => counts)
        expect(await of(headProposer(own, { widths: [1, 1] }))).toEqual(await of(headProposer(own)))
      }
      expect(later).toBeGreaterThan(10)
    })
  })

describe("negative controls", () => {
  const options = { temperature: FLAW_TEMPERATURE, draftLength: 2, maxNew: 4 }
  const exactly = (seed: number, { verify, fault }: Flaw) => {
    const decoded = { ...pairOf(heads["own vocabularies"], 3, seed), prompt, options }
    return worstError(everyText(decoded, { ...fault, ...(verify && { verify }) }), targetTexts(decoded))
  }
  const sampled = (seed: number, flaw: Flaw) =>
    nGramExcess({ ...pairOf(heads["own vocabularies"], 4, seed), prompt, options }, 3000, seed, flaw)
  test("without a flaw the enumeration and the test on 4-grams pass", () => {
    expect(exactly(1, noFlaw)).toBeLessThan(1e-12)
    expect(sampled(1, noFlaw)).toBeLessThan(1)
  })
  for (const [name, flaw] of Object.entries(flaws))
    test(`both fail by ${name}`, () => {
      expect(exactly(1, flaw)).toBeGreaterThan(1e-4)
      expect(sampled(1, flaw)).toBeGreaterThan(1)
    })
})

test("a head that proposes nothing is no proposer", () => {
  const { head } = pairOf(heads["own vocabularies"], 3, 1)
  const { proposing: _, ...silent } = head
  expect(() => headProposer({ ...head, trees: false }, { nodes: 4 })).toThrow("head medusa: proposes chains alone")
  expect(() => headProposer(silent)).toThrow("head medusa: proposes no tokens, as it predicts something else")
})
