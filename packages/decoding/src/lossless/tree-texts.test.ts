/** Whole texts by trees: the target's distribution by enumeration and by 4-grams, the target's own greedy text, flaws found. */
import { describe, expect, test } from "bun:test"
import type { Proposal, Proposer } from "@winnow/core"
import { generate } from "@winnow/generation"
import { tf } from "@winnow/tensor"
import {
  type Decoded,
  everyText,
  nGramExcess,
  randomPrompts,
  tablePair,
  targetTexts,
  worstError,
} from "@winnow/testing"
import { Effect } from "effect"
import { architectures, paths, randomModel, shake, VOCABULARY } from "../../test/transformers.ts"
import { without } from "../block.ts"
import { compareGreedy } from "../identity.ts"
import { modelProposer } from "../model-proposer.ts"
import { speculate } from "../speculate.ts"
import { SpeculativeSession } from "../speculative.ts"
import type { treeOption } from "../tree/shape.ts"
import { treeProposer } from "../tree/tree-proposer.ts"

type Tree = typeof treeOption.inferIn

const prompt = [1, 0]

/** The proposer with each proposal changed. */
const changed = (proposer: Proposer, change: (proposal: Proposal) => Proposal): Proposer => ({
  ...proposer,
  begin: (start) => {
    const sequence = proposer.begin(start)
    return {
      propose: (context) => change(sequence.propose(context)),
      accept: (accepted, path) => sequence.accept?.(accepted, path),
      dispose: () => sequence.dispose?.(),
    }
  },
})

describe("whole texts have the target's distribution, exactly", () => {
  const settings: ReadonlyArray<readonly [Tree, Decoded["options"]]> = [
    [{ widths: [2] }, { temperature: 1, draftLength: 1, maxNew: 4, eosId: 2 }],
    [{ widths: [2, 1] }, { temperature: 1, draftLength: 2, maxNew: 4, eosId: 2 }],
    [{ widths: [2, 2] }, { temperature: 1, draftLength: 2, maxNew: 3 }],
    [{ widths: [3] }, { temperature: 0.7, topK: 2, draftLength: 1, maxNew: 4 }],
    [{ widths: [2, 1] }, { temperature: 1.5, topP: 0.8, draftLength: 2, maxNew: 4, eosId: 2 }],
    [{ paths: [[0], [1], [0, 0], [0, 0, 0]] }, { temperature: 1, draftLength: 3, maxNew: 4, eosId: 2 }],
    [
      { widths: [2, 2], siblings: "best" },
      { temperature: 1, draftLength: 2, maxNew: 5, eosId: 2 },
    ],
    [
      { nodes: 4, width: 2 },
      { temperature: 1, draftLength: 3, maxNew: 5, eosId: 2 },
    ],
    [
      { nodes: 3, width: 3 },
      { temperature: 0.6, topP: 0.9, draftLength: 2, maxNew: 5 },
    ],
    [{ widths: [2, 1] }, { temperature: 1, draftLength: { most: 2, costRatio: 0.3 }, maxNew: 4 }],
  ]
  for (const [tree, options] of settings)
    test(`${JSON.stringify(tree)} at ${JSON.stringify(options)}`, () => {
      for (const quick of "nodes" in tree ? [true, false] : [true]) {
        const { target, draft, dispose } = tablePair(3, 31, 1, 0.2, quick)
        const decoded = { target, draft: treeProposer(draft, tree), prompt, options }
        const texts = targetTexts(decoded)
        expect(texts.length).toBeGreaterThan(5)
        expect(worstError(everyText(decoded), texts)).toBeLessThan(1e-12)
        dispose()
      }
    })
})

describe("joint 4-grams, by the generator", () => {
  const settings: ReadonlyArray<readonly [Tree, Decoded["options"]]> = [
    [{ widths: [3, 2, 1] }, { temperature: 1, draftLength: 3, maxNew: 4 }],
    [{ widths: [2, 2] }, { temperature: 0.7, topK: 3, draftLength: 2, maxNew: 4 }],
    [{ paths: [[0], [1], [2], [0, 0], [0, 1], [1, 0], [0, 0, 0]] }, { temperature: 1.4, draftLength: 3, maxNew: 4 }],
    [
      { nodes: 8, width: 3 },
      { temperature: 1, draftLength: 3, maxNew: 4 },
    ],
  ]
  for (const [tree, options] of settings)
    test(`${JSON.stringify(tree)} at ${JSON.stringify(options)}`, () => {
      for (const seed of [1, 2, 3]) {
        const { target, draft, dispose } = tablePair(4, seed, 1, 0.1, true)
        const decoded = { target, draft: treeProposer(draft, tree), prompt: [1, 3], options }
        expect(nGramExcess(decoded, 4000, seed)).toBeLessThan(1)
        dispose()
      }
    })
})

describe("flaws of a proposer, found by both", () => {
  const options = { temperature: 1.5, draftLength: 1, maxNew: 4 }
  const rowsOf = ({ q }: Proposal) => q as ReadonlyArray<Float64Array>
  const flaws: Readonly<Record<string, (proposal: Proposal) => Proposal>> = {
    "siblings in the order of their probability": (proposal) => {
      const first_V = rowsOf(proposal)[0]
      if (first_V === undefined) return proposal
      const tokens = proposal.tokens.toSorted((a, b) => first_V[b]! - first_V[a]!)
      const q: Array<Float64Array> = []
      for (const i of tokens.keys()) q.push(i === 0 ? first_V : without(q[i - 1]!, tokens[i - 1]!)!)
      return { ...proposal, tokens, q }
    },
    "q of the first sibling for all": (proposal) => ({
      ...proposal,
      q: proposal.tokens.map(() => rowsOf(proposal)[0]!),
    }),
    "the less probable of the drawn siblings left out": (proposal) => {
      const first_V = rowsOf(proposal)[0]
      if (first_V === undefined) return proposal
      const best = proposal.tokens.reduce((a, b) => (first_V[b]! > first_V[a]! ? b : a))
      return { tokens: [best], parents: [-1], q: [first_V] }
    },
  }
  for (const [name, flaw] of Object.entries(flaws))
    test(name, () => {
      for (const seed of [1, 2]) {
        const { target, draft, dispose } = tablePair(8, seed, 0.5, 0, true)
        const proposer = changed(treeProposer(draft, { widths: [2] }), flaw)
        const few = { target, draft: proposer, prompt, options: { ...options, maxNew: 2 } }
        expect(worstError(everyText(few), targetTexts(few))).toBeGreaterThan(1e-4)
        dispose()
      }
      // Texts of fewer ids have the counts that the statistic needs.
      const excesses = [1, 2, 3].map((seed) => {
        const { target, draft, dispose } = tablePair(5, seed, 0.5, 0, true)
        const proposer = changed(treeProposer(draft, { widths: [2] }), flaw)
        const excess = nGramExcess({ target, draft: proposer, prompt: [1, 3], options }, 12_000, seed)
        dispose()
        return excess
      })
      expect(Math.max(...excesses)).toBeGreaterThan(1)
    })
})

const shapes: ReadonlyArray<Tree> = [
  { widths: [4, 2, 1] },
  { paths: [[0], [1], [0, 0], [0, 1], [1, 0], [0, 0, 0], [0, 0, 0, 0]] },
  { nodes: 12, width: 4 },
]

test("greedy texts are the target's own, with end token, stop rule and length limit inside blocks", async () => {
  const before = tf.memory().numTensors
  let [ended, cut] = [0, 0]
  for (const quick of [true, false]) {
    const { target, draft, dispose } = tablePair(7, 1, 0.7, 0, quick)
    const prompts = randomPrompts(quick ? 25 : 6, 7, 6, 1)
    const stop = (tokens: ReadonlyArray<number>) => tokens.length % 5 === 0 && tokens.at(-1)! < 4
    for (const hooks of [{}, { stop }])
      for (const maxNew of [1, 17]) {
        const alone = await generate(target, prompts, { maxNew, eosId: 5 }, hooks)
        for (const tree of shapes)
          for (const draftLength of [1, 2, 4]) {
            const options = { draftLength, maxNew, eosId: 5 }
            const done = await speculate(target, treeProposer(draft, tree), prompts, options, hooks)
            expect(done.map(({ rollout }) => rollout)).toEqual([...alone.rollouts])
            expect(compareGreedy(alone.rollouts, done).identical).toBe(prompts.length)
            for (const { rollout, counts } of done) {
              if (rollout.finish !== "length") ended++
              if (counts.untruncated > counts.emitted) cut++
              const { accepted, rejected, testedAt, testedRank, acceptedRank } = counts
              const sum = (of: ReadonlyArray<number>) => of.reduce((a, b) => a + b, 0)
              expect(sum(testedAt)).toBe(accepted + rejected)
              expect(sum(acceptedRank)).toBe(accepted)
              expect(sum(testedRank)).toBeGreaterThanOrEqual(accepted + rejected)
            }
          }
      }
    dispose()
  }
  expect(Math.min(ended, cut)).toBeGreaterThan(50)
  expect(tf.memory().numTensors).toBe(before)
})

for (const [name, instance] of architectures)
  for (const [path, on] of paths)
    test(`greedy, ${name}, ${path}: texts of a transformer are the target's own, through every roll-back of its cache`, () =>
      on(() => {
        const before = tf.memory().numTensors
        const architecture = Effect.runSync(instance)
        const [target, draft] = [randomModel(architecture), shake(randomModel(architecture), 0.05, 4)]
        const ranks = [0, 0, 0]
        for (const text of randomPrompts(4, VOCABULARY, 14, 6)) {
          const run = (proposer: Proposer | undefined, draftLength: number) => {
            const session = new SpeculativeSession(target, proposer, text, { maxNew: 20, eosId: 7, draftLength })
            while (session.step());
            session.dispose()
            return session
          }
          const alone = run(undefined, 0)
          for (const tree of shapes) {
            const { rollout, counts, margins } = run(treeProposer(draft, tree), 4)
            expect(rollout).toEqual(alone.rollout)
            expect(Math.min(...margins)).toBeGreaterThan(1e-4)
            for (const rank of ranks.keys()) ranks[rank]! += counts.acceptedRank[rank] ?? 0
            // Natively a node's numbers are those of its path as a text, bit by bit.
            if (path === "native") expect(margins).toEqual(alone.margins)
            for (const [i, margin] of margins.entries()) expect(margin).toBeCloseTo(alone.margins[i]!, 4)
          }
        }
        expect(ranks[1]).toBeGreaterThan(0) // a second sibling was accepted, so rows of the cache moved
        for (const model of [target, draft]) model.dispose()
        expect(tf.memory().numTensors).toBe(before)
      }))

test("a tree accepts at least the chain's tokens, block by block; one of one child each is the chain", async () => {
  const { target, draft, dispose } = tablePair(7, 3, 0.7, 0, true)
  const prompts = randomPrompts(20, 7, 6, 2)
  const options = { draftLength: 3, maxNew: 30 }
  const chain = await speculate(target, modelProposer(draft), prompts, options)
  const line = await speculate(target, treeProposer(draft, { widths: [1, 1, 1] }), prompts, options)
  expect(line.map(({ counts }) => counts)).toEqual(chain.map(({ counts }) => counts))
  const wide = await speculate(target, treeProposer(draft, { widths: [3, 2, 2] }), prompts, options)
  const blocks = (of: typeof chain) => of.reduce((sum, { counts }) => sum + counts.blocks, 0)
  expect(blocks(wide)).toBeLessThan(0.9 * blocks(chain))
  const drawn = { ...options, temperature: 1, seed: 3 }
  const [drawnChain, drawnLine] = [
    await speculate(target, modelProposer(draft), prompts, drawn),
    await speculate(target, treeProposer(draft, { widths: [1, 1, 1] }), prompts, drawn),
  ]
  expect(drawnLine.map(({ rollout, counts }) => [rollout, counts])).toEqual(
    drawnChain.map(({ rollout, counts }) => [rollout, counts]),
  )
  dispose()
})
