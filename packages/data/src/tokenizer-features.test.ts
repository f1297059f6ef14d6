/** Many small tokenizers, one feature each, agree with Python's library: fixtures/tokenizer-golden.py writes them. */
import { describe, expect, test } from "bun:test"
import { encodeAll, encodeOne } from "../test/encode-one.ts"
import { makeCodec } from "./codec.ts"
import file from "./fixtures/tokenizer-golden.json"

interface Case {
  readonly name: string
  /** The tokenizer.json; `model` is the number of one of the file's models. */
  readonly json: { readonly model: number }
  readonly ids: ReadonlyArray<ReadonlyArray<number>>
  readonly decoded: ReadonlyArray<string>
  readonly odd: ReadonlyArray<string>
  /** The ids, and their text, in the mode where special tokens are text, by number of the text, if they differ. */
  readonly asText: Readonly<Record<string, ReadonlyArray<number>>>
  readonly decodedAsText: Readonly<Record<string, string>>
}
const { texts, odd } = file
const models = file.models as ReadonlyArray<object>
const cases = file.cases as unknown as ReadonlyArray<Case>

const by = <A>(values: ReadonlyArray<A>) => values.map((value, i) => [texts[i], value])

describe("ids and texts as Python's", () => {
  for (const golden of cases)
    test(golden.name, async () => {
      const codec = makeCodec({ ...golden.json, model: models[golden.json.model]! })
      expect(by(await encodeAll(codec, texts, { specialTokens: "ids" }))).toEqual(by(golden.ids))
      const asText = golden.ids.map((ids, i) => golden.asText[i] ?? ids)
      expect(by(await encodeAll(codec, texts))).toEqual(by(asText))
      // One by one and in a batch.
      for (const [i, text] of texts.entries()) {
        expect([text, await encodeOne(codec, text, { specialTokens: "ids" })]).toEqual([text, golden.ids[i]!])
        expect([text, await encodeOne(codec, text)]).toEqual([text, asText[i]!])
      }
      expect(by(golden.ids.map(codec.decode))).toEqual(by(golden.decoded))
      expect(odd.map(codec.decode)).toEqual([...golden.odd])
      for (const [i, ids] of Object.entries(golden.asText)) expect(codec.decode(ids)).toBe(golden.decodedAsText[i]!)
      // A text whose ids depend on the mode spells a special token.
      for (const i of Object.keys(golden.asText)) expect([i, codec.spelled(texts[Number(i)]!)]).not.toEqual([i, []])
    })
})
