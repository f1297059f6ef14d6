import { expect, test } from "bun:test"
import { Effect } from "effect"
import fc from "fast-check"
import { encodeAll } from "../test/encode-one.ts"
import golden from "./fixtures/bpe-golden.json"
import { library } from "./library.ts"
import { trainBpe } from "./train-bpe.ts"
import { withWordMemo } from "./word-memo.ts"

const pieces = fc.constantFrom(
  ..."aä1½٣ \t\n\r\v\f\0\x1c\x7f'.,-\u0085\u00a0\u2028\ufeff日😀".match(/./gsu)!,
  ...["'s", "'ll", "The", " is", "  ", "\r\n"],
)

for (const splitDigits of [true, false])
  test(`the same ids as the library's, digits ${splitDigits ? "split" : "merged"}`, async () => {
    const tokenizer = trainBpe(golden.corpus, { vocabularySize: 400, splitDigits })
    const encoder = library().Tokenizer.fromString(JSON.stringify(tokenizer.json))
    const direct = async (texts: Array<string>) =>
      (await encoder.encodeBatch(texts, { addSpecialTokens: false })).map((encoding) => encoding.getIds())
    const text = fc.oneof(
      fc.array(pieces, { maxLength: 30 }).map((list) => list.join("")),
      fc.string(), // ASCII texts.
      fc.string({ unit: "binary" }),
    )
    const ends = fc.constantFrom("", "", "<|endoftext|>")
    const texts = fc.array(
      fc.tuple(text, ends, text).map((parts) => parts.join("")),
      { maxLength: 50 },
    )
    await fc.assert(
      fc.asyncProperty(texts, async (texts) => {
        expect(await encodeAll(tokenizer, texts, { specialTokens: "ids" })).toEqual(await direct(texts))
      }),
      { seed: 1, numRuns: 60 },
    )
  })

test("a word is asked for once; other alphabets, special tokens and other kinds of tokenizers whole", () => {
  const { json } = trainBpe(golden.corpus, { vocabularySize: 300 })
  const asked: Array<string> = []
  const note = (texts: ReadonlyArray<string>) => {
    asked.push(...texts)
    return Effect.succeed(texts.map((text) => Int32Array.of(text.length)))
  }
  const asks = (encode: ReturnType<typeof withWordMemo>, ...texts: ReadonlyArray<string>) => {
    const ids = Effect.runSync(encode(texts)).map((one) => [...one])
    return [asked.splice(0), ids]
  }
  const memo = withWordMemo(note, json as Record<string, unknown>, ["<|endoftext|>"])
  expect(asks(memo, "one two one two", "née one", " two")).toEqual([
    ["one", " two", " one", "née one"],
    [[3, 4, 4, 4], [7], [4]],
  ])
  expect(asks(memo, "one two", "one<|endoftext|>")).toEqual([["one<|endoftext|>"], [[3, 4], [16]]])
  const folded = withWordMemo(note, { ...json, normalizer: { type: "NFC" } }, [])
  expect(asks(folded, "one two")).toEqual([["one two"], [[7]]])
})
