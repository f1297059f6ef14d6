import { expect, test } from "bun:test"
import { byteTokenizer } from "./byte-tokenizer.ts"
import { encodeExample, encodeTask } from "./encode.ts"
import { trainBpe } from "./train-bpe.ts"

test("ids are prompt, answer, end, and the border is where the answer begins", () => {
  const { ids, promptLength } = encodeExample({ prompt: "ab\n", answer: "cd" }, byteTokenizer)
  expect([Array.from(ids), promptLength]).toEqual([[97, 98, 10, 99, 100, 256], 3])
})

test("no token spans the border", () => {
  const tokenizer = trainBpe(Array(10).fill("abcd"), { vocabularySize: 300 })
  expect(tokenizer.encode("abcd").length).toBe(1)
  const { ids, promptLength } = encodeExample({ prompt: "ab", answer: "cd" }, tokenizer)
  expect(tokenizer.decode(ids.subarray(0, promptLength))).toBe("ab")
  expect(tokenizer.decode(ids.subarray(promptLength))).toBe("cd<|endoftext|>")
})

test("what is too long is left out whole and counted", () => {
  const examples = [
    { prompt: "ab", answer: "c" },
    { prompt: "ab", answer: "cd" },
    { prompt: "a", answer: "b" },
  ]
  const encoded = encodeTask(examples, byteTokenizer, { maxLength: 4 })
  expect(encoded.examples.map(({ ids }) => ids.length)).toEqual([4, 3])
  expect(Array.from(encoded.source)).toEqual([0, 2])
  expect(encoded).toMatchObject({ dropped: 1, maxLength: 4, tokens: 7, trained: 4 })
})

test("without a prompt the first token has nothing before it and is not trained", () => {
  const encoded = encodeTask([{ prompt: "", answer: "abc" }], byteTokenizer, { maxLength: 9 })
  expect(encoded).toMatchObject({ tokens: 4, trained: 3 })
})
