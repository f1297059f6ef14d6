import { expect, test } from "bun:test"
import fc from "fast-check"
import { encodeAll, encodeOne } from "../test/encode-one.ts"
import { byteTokenizer } from "./byte-tokenizer.ts"
import { makeTokenizer } from "./tokenizer.ts"

test("an id is a byte, 256 the end", async () => {
  expect(await encodeOne(byteTokenizer, "aé")).toEqual([0x61, 0xc3, 0xa9])
  const ends = "a<|endoftext|>b<|endoftext|>"
  expect(await encodeOne(byteTokenizer, ends, { specialTokens: "ids" })).toEqual([0x61, 256, 0x62, 256])
  expect(await encodeOne(byteTokenizer, ends)).toEqual([...Buffer.from(ends)])
  expect(byteTokenizer.spelled(ends)).toEqual(["<|endoftext|>", "<|endoftext|>"])
  expect(byteTokenizer.decode([0x61, 256, 0xc3, 0xa9])).toBe("a<|endoftext|>é")
  expect(await encodeOne(byteTokenizer, "")).toEqual([])
  expect(byteTokenizer.decode([])).toBe("")
})

test("any text comes back, and its tokenizer.json gives the same ids", async () => {
  const read = makeTokenizer(byteTokenizer.json)
  expect([read.vocabularySize, read.eosId, read.eos, read.fingerprint]).toEqual([
    byteTokenizer.vocabularySize,
    byteTokenizer.eosId,
    byteTokenizer.eos,
    byteTokenizer.fingerprint,
  ])
  const parts = fc.tuple(fc.string({ unit: "binary" }), fc.constantFrom("", "<|endoftext|>", "\ufeff"))
  const texts = fc.array(
    parts.map(([a, b]) => a + b + a),
    { maxLength: 8 },
  )
  await fc.assert(
    fc.asyncProperty(texts, fc.constantFrom("text" as const, "ids" as const), async (texts, specialTokens) => {
      const ids = await encodeAll(byteTokenizer, texts, { specialTokens })
      expect(ids.map(byteTokenizer.decode)).toEqual(texts)
      expect(await encodeAll(read, texts, { specialTokens })).toEqual(ids)
      expect(ids.map(read.decode)).toEqual(texts)
    }),
    { seed: 1, numRuns: 25 },
  )
})

test("ids beyond the tokenizer's have no text, in either form", () => {
  const ids = [0x61, 257, 300, 2 ** 31, -1, 0x62]
  expect(byteTokenizer.decode(ids)).toBe("ab")
  expect(makeTokenizer(byteTokenizer.json).decode(ids)).toBe("ab")
})

test("bytes that are no UTF-8 become U+FFFD", () => {
  expect(byteTokenizer.decode([0xc3])).toBe("\ufffd")
  expect(makeTokenizer(byteTokenizer.json).decode([0xc3])).toBe("\ufffd")
})
