import { expect, test } from "bun:test"
import { Tokenizer as Encoder } from "@huggingface/tokenizers"
import fc from "fast-check"
import golden from "./fixtures/bpe-golden.json"
import { makeTokenizer } from "./tokenizer.ts"
import { trainBpe } from "./train-bpe.ts"
import { withWordMemo } from "./word-memo.ts"

const pieces = fc.constantFrom(
  ..."aä1½٣ \t\n\r'.,-\u0085\u00a0\u2028\ufeff日😀".match(/./gsu)!,
  "'s",
  "'ll",
  "The",
  " is",
  "  ",
)

for (const splitDigits of [true, false])
  test(`the same ids as the encoder's, digits ${splitDigits ? "split" : "merged"}`, () => {
    const tokenizer = trainBpe(golden.corpus, { vocabularySize: 400, splitDigits })
    const encoder = new Encoder(tokenizer.json, {})
    const direct = (text: string) => Int32Array.from(encoder.encode(text, { add_special_tokens: false }).ids)
    const text = fc.oneof(
      fc.array(pieces, { maxLength: 30 }).map((list) => list.join("")),
      fc.string({ unit: "binary" }),
    )
    const ends = fc.constantFrom("", "", "<|endoftext|>")
    fc.assert(
      fc.property(text, ends, text, (a, end, b) => {
        expect(tokenizer.encode(a + end + b)).toEqual(direct(a + end + b))
      }),
      { seed: 1, numRuns: 2000 },
    )
  })

test("a word is encoded once, a text with a special token whole, another kind of tokenizer always whole", () => {
  const { json } = trainBpe(golden.corpus, { vocabularySize: 300 })
  const asked: Array<string> = []
  const note = (text: string) => {
    asked.push(text)
    return new Int32Array(1)
  }
  const memo = withWordMemo(note, json as Record<string, unknown>, ["<|endoftext|>"])
  expect(memo("one two one two").length).toBe(4)
  expect(asked).toEqual(["one", " two", " one"])
  memo("one<|endoftext|>")
  expect(asked.at(-1)).toBe("one<|endoftext|>")
  const folded = { ...json, normalizer: { type: "NFC" } }
  withWordMemo(note, folded, [])("one two")
  expect(asked.at(-1)).toBe("one two")
  expect(makeTokenizer(folded).encode("e\u0301")).toEqual(makeTokenizer(folded).encode("é"))
})
