import { expect, test } from "bun:test"
import fc from "fast-check"
import { byteTokenizer } from "./byte-tokenizer.ts"
import { makeTokenizer } from "./tokenizer.ts"

test("an id is a byte, 256 the end", () => {
  expect(Array.from(byteTokenizer.encode("aé"))).toEqual([0x61, 0xc3, 0xa9])
  expect(Array.from(byteTokenizer.encode("a<|endoftext|>b<|endoftext|>"))).toEqual([0x61, 256, 0x62, 256])
  expect(byteTokenizer.decode([0x61, 256, 0xc3, 0xa9])).toBe("a<|endoftext|>é")
  expect(byteTokenizer.encode("").length).toBe(0)
  expect(byteTokenizer.decode([])).toBe("")
})

test("any text comes back, and its tokenizer.json gives the same ids", () => {
  const read = makeTokenizer(byteTokenizer.json)
  expect([read.vocabularySize, read.eosId, read.eos, read.fingerprint]).toEqual([
    byteTokenizer.vocabularySize,
    byteTokenizer.eosId,
    byteTokenizer.eos,
    byteTokenizer.fingerprint,
  ])
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.constantFrom("", "<|endoftext|>", "\ufeff"), (a, b) => {
      const text = a + b + a
      const ids = byteTokenizer.encode(text)
      expect(byteTokenizer.decode(ids)).toBe(text)
      expect(read.encode(text)).toEqual(ids)
      expect(read.decode(ids)).toBe(text)
    }),
    { seed: 1 },
  )
})

test("bytes that are no UTF-8 become U+FFFD", () => {
  expect(byteTokenizer.decode([0xc3])).toBe("\ufffd")
  expect(makeTokenizer(byteTokenizer.json).decode([0xc3])).toBe("\ufffd")
})
