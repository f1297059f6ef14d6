import { describe, expect, test } from "bun:test"
import type { Proposer } from "@winnow/core"
import {
  checkProposer,
  everyText,
  FLAW_TEMPERATURE,
  flaws,
  nGramExcess,
  noFlaw,
  tableModel,
  targetTexts,
  worstError,
} from "@winnow/testing"
import { Effect } from "effect"
import { ngram } from "./index.ts"

const proposer: Proposer = await Effect.runPromise(ngram().instance)
const propose = async (text: ReadonlyArray<number>, room: number, use = ngram(), eosId?: number) => {
  const { begin } = await Effect.runPromise(use.instance)
  const sequence = begin({ sampling: { temperature: 0 }, vocabularySize: 100, eosId })
  return sequence.propose({ text, room, draw: () => expect.unreachable() })
}

describe("keeps the laws", () => {
  for (const options of [{}, { longest: 1 }, { longest: 5, shortest: 2 }])
    test(JSON.stringify(options), () => checkProposer(ngram(options)), 30_000)
})

test("proposes what followed the longest match, as much as there is room for", async () => {
  const text = [1, 2, 3, 4, 5, 9, 2, 3]
  expect(await propose(text, 3)).toEqual({ tokens: [4, 5, 9], q: "certain" })
  expect((await propose(text, 1)).tokens).toEqual([4])
  expect((await propose([1, 2, 3], 4)).tokens).toEqual([])
  expect((await propose(text, 3, ngram({ longest: 5, shortest: 3 }))).tokens).toEqual([])
})

test("a copy that reaches the end of the text continues with itself; the end token ends it", async () => {
  expect((await propose([7, 8, 7, 8], 5)).tokens).toEqual([7, 8, 7, 8, 7])
  expect((await propose([6, 6], 3)).tokens).toEqual([6, 6, 6])
  expect((await propose([1, 2, 5, 3, 1, 2], 4, ngram(), 5)).tokens).toEqual([5])
})

test("options that make no sense are refused", async () => {
  for (const wrong of [{ longest: 0 }, { longest: 2, shortest: 3 }, { shortest: 1.5 }, { n: 3 }])
    await expect(Effect.runPromise(ngram.use(wrong).instance)).rejects.toThrow(/proposer ngram/)
})

describe("negative controls: a flaw of verification is seen with this proposer", () => {
  const options = { temperature: FLAW_TEMPERATURE, draftLength: 3, maxNew: 4 }
  const decoded = (V: number, seed: number) => ({
    target: tableModel({ V, states: 32, seed, quick: true }),
    ...{ draft: proposer, prompt: [0, 1, 2, 0, 1], options },
  })
  const seeds = [1, 2, 3]
  // The proposals were not drawn, so no temperature of a draw can be wrong.
  const { "the draft sampled at another temperature than it is scored at": none, ...effective } = flaws
  const exactly = (seed: number, { verify, fault }: (typeof flaws)[string]) => {
    const of = decoded(3, seed)
    return worstError(everyText(of, { ...fault, ...(verify && { verify }) }), targetTexts(of))
  }
  test("without a flaw both tests pass, and the flaw of a draw is none here", () => {
    for (const seed of seeds)
      for (const flaw of [noFlaw, none!]) {
        expect(exactly(seed, flaw)).toBeLessThan(1e-12)
        expect(nGramExcess(decoded(4, seed), 4000, seed, flaw)).toBeLessThan(1)
      }
  })
  for (const [name, flaw] of Object.entries(effective))
    test(name, () => {
      for (const seed of seeds) {
        expect(exactly(seed, flaw)).toBeGreaterThan(1e-4)
        expect(nGramExcess(decoded(4, seed), 4000, seed, flaw)).toBeGreaterThan(1)
      }
    })
})
