import { expect, test } from "bun:test"
import { Effect } from "effect"
import { encodeOne } from "../test/encode-one.ts"
import { specialToken } from "./byte-level.ts"
import { byteTokenizer } from "./byte-tokenizer.ts"
import { encodeExamples, encodeTask } from "./encode.ts"
import { makeTokenizer, type Tokenizer } from "./tokenizer.ts"
import { trainBpe } from "./train-bpe.ts"

const encodeExample = async (example: Parameters<typeof encodeExamples>[0][number], tokenizer: Tokenizer) =>
  (await Effect.runPromise(encodeExamples([example], tokenizer)))[0]!

test("ids are prompt, answer, end, and the border is where the answer begins", async () => {
  const { ids, promptLength } = await encodeExample({ prompt: "ab\n", answer: "cd" }, byteTokenizer)
  expect([Array.from(ids), promptLength]).toEqual([[97, 98, 10, 99, 100, 256], 3])
})

test("no token spans the border", async () => {
  const tokenizer = trainBpe(Array(10).fill("abcd"), { vocabularySize: 300 })
  expect(await encodeOne(tokenizer, "abcd")).toHaveLength(1)
  const { ids, promptLength } = await encodeExample({ prompt: "ab", answer: "cd" }, tokenizer)
  expect(tokenizer.decode(ids.subarray(0, promptLength))).toBe("ab")
  expect(tokenizer.decode(ids.subarray(promptLength))).toBe("cd<|endoftext|>")
})

test("an example that is too long is left out whole and counted", async () => {
  const examples = [
    { prompt: "ab", answer: "c" },
    { prompt: "ab", answer: "cd" },
    { prompt: "a", answer: "b" },
  ]
  const encoded = await Effect.runPromise(encodeTask(examples, byteTokenizer, { maxLength: 4 }))
  expect(encoded.examples.map(({ ids }) => ids.length)).toEqual([4, 3])
  expect(Array.from(encoded.source)).toEqual([0, 2])
  expect(encoded).toMatchObject({ dropped: 1, maxLength: 4, tokens: 7, trained: 4 })
})

test("without a prompt the first token has nothing before it and is not trained", async () => {
  const encoded = await Effect.runPromise(encodeTask([{ prompt: "", answer: "abc" }], byteTokenizer, { maxLength: 9 }))
  expect(encoded).toMatchObject({ tokens: 4, trained: 3 })
})

test("text that spells a special token is text, counted by example, and an id where that is asked for", async () => {
  const examples = [
    { prompt: "a<|endoftext|>", answer: "b<|endoftext|>" },
    { prompt: "ab", answer: "cd" },
    { prompt: "ab", answer: "<|endoftext|>".repeat(9) },
  ]
  const encode = (specialTokens?: "text" | "ids") =>
    Effect.runPromise(encodeTask(examples, byteTokenizer, { maxLength: 64, ...(specialTokens && { specialTokens }) }))
  const text = await encode()
  expect(text).toMatchObject({ spelled: [{ token: "<|endoftext|>", examples: 2 }], specialTokens: "text", dropped: 1 })
  expect(text.examples.flatMap(({ ids }) => [...ids.subarray(0, -1)])).not.toContain(256)
  const ids = await encode("ids")
  expect(ids).toMatchObject({ spelled: text.spelled, specialTokens: "ids", dropped: 0 })
  expect(Array.from(ids.examples[0]!.ids)).toEqual([97, 256, 98, 256, 256])
})

test("text that does not come back from its ids is counted, the first shown from where it parts", async () => {
  const words = { one: 0, two: 1, "<eos>": 2 }
  const model = { type: "BPE", vocab: { ...words, o: 3, n: 4, e: 5, " ": 6 }, merges: [], unk_token: null }
  const fuse = { type: "Fuse" }
  const tokenizer = makeTokenizer(
    { version: "1.0", added_tokens: [specialToken(2, "<eos>")], decoder: fuse, model },
    { eos: "<eos>" },
  )
  const whole = { prompt: "one ", answer: "no eon" }
  const encode = (...examples: ReadonlyArray<typeof whole>) =>
    Effect.runPromise(encodeTask(examples, tokenizer, { maxLength: 99 }))
  expect((await encode(whole)).changed).toBe(undefined)
  const lost = await encode(whole, { prompt: "one", answer: "one one one ünone" }, { prompt: "naïve", answer: "no" })
  expect(lost.changed).toEqual({ examples: 2, written: "e one one ünone", read: "e one one none" })
})
