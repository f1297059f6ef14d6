/** Vocabularies compared by their tokens. */
import { expect, test } from "bun:test"
import { compareTokens, tokensById } from "./token-contents.ts"

const bpe = (vocab: Record<string, number>, added: ReadonlyArray<{ id: number; content: string }> = []) => ({
  model: { type: "BPE", vocab, merges: [] },
  added_tokens: added,
})

test("tokens of a map, of a list with scores, and added ones; another form has none", () => {
  expect([...tokensById(bpe({ a: 0, b: 1 }, [{ id: 5, content: "<end>" }]))]).toEqual([
    [0, "a"],
    [1, "b"],
    [5, "<end>"],
  ])
  const unigram = {
    model: {
      type: "Unigram",
      vocab: [
        ["<unk>", 0],
        ["▁a", -1.5],
      ],
    },
  }
  expect([...tokensById(unigram)]).toEqual([
    [0, "<unk>"],
    [1, "▁a"],
  ])
  expect([...tokensById({ model: {} })]).toEqual([])
})

test("the same ids with the same tokens agree, in any order and of any form; one may name more", () => {
  const ours = bpe({ a: 0, b: 1, c: 2 })
  expect(compareTokens(ours, bpe({ c: 2, a: 0, b: 1 }))).toEqual({
    ...{ different: undefined, same: 3, alone: { a: 0, b: 0 } },
  })
  expect(compareTokens(ours, bpe({ a: 0 }, [{ id: 9, content: "<end>" }]))).toEqual({
    ...{ different: undefined, same: 1, alone: { a: 2, b: 1 } },
  })
})

test("the error names the lowest id with two tokens", () => {
  expect(compareTokens(bpe({ a: 0, x: 7, b: 3 }), bpe({ a: 0, y: 7, c: 3 })).different).toEqual({
    id: 3,
    a: "b",
    b: "c",
  })
})
