/** Requests of a tokenizer.json that are not followed, refusals, and files that would crash the library. */
import { describe, expect, test } from "bun:test"
import { join } from "node:path"
import { Effect } from "effect"
import { encodeAll, encodeOne } from "../test/encode-one.ts"
import { specialToken } from "./byte-level.ts"
import { byteTokenizer } from "./byte-tokenizer.ts"
import { makeCodec } from "./codec.ts"
import { framingOf } from "./framing.ts"
import { trainBpe } from "./train-bpe.ts"

const trained = trainBpe(Array(9).fill("some words, some more words"), { vocabularySize: 280 })
const json = trained.json as Readonly<Record<string, unknown>> & {
  readonly model: Readonly<Record<string, unknown>> & { readonly vocab: Readonly<Record<string, number>> }
}
const withModel = (changes: object) => ({ ...json, model: { ...json.model, ...changes } })
const withAdded = (...added: ReadonlyArray<object>) => ({
  ...json,
  added_tokens: [specialToken(0, "<|endoftext|>"), ...added],
})
const normal = (id: number, content: string) => ({ ...specialToken(id, content), special: false })
const notes = (changes: object, config?: object) => makeCodec({ ...json, ...changes }, config).notes

describe("an unfulfilled request of the file gives a note", () => {
  test("nothing in a usual file", () => expect(makeCodec(json).notes).toEqual([]))

  test("dropout: the same text always has the same ids, those without it", async () => {
    const codec = makeCodec(withModel({ dropout: 0.9 }))
    expect(codec.notes).toEqual([expect.stringContaining("a dropout of 0.9")])
    const texts = Array(50).fill("some words, some more words")
    expect(await encodeAll(codec, texts)).toEqual(await encodeAll(trained, texts))
    expect(makeCodec(withModel({ dropout: 0 })).notes).toEqual([])
  })

  test("truncation and padding: no text is cut or made longer", async () => {
    const truncation = { direction: "Right", max_length: 2, strategy: "LongestFirst", stride: 0 }
    const padding = {
      strategy: { Fixed: 9 },
      direction: "Right",
      pad_to_multiple_of: null,
      pad_id: 0,
      pad_type_id: 0,
      pad_token: "x",
    }
    const codec = makeCodec({ ...json, truncation, padding })
    expect(codec.notes).toEqual([expect.stringContaining("truncation"), expect.stringContaining("padding")])
    for (const text of ["s", "some words, some more words"])
      expect(await encodeOne(codec, text)).toEqual(await encodeOne(trained, text))
  })

  test("tokens before and after a text, by any post-processor, or by the config", () => {
    const special = { id: "<|endoftext|>", ids: [0], tokens: ["<|endoftext|>"] }
    const piece = { SpecialToken: { id: "<|endoftext|>", type_id: 0 } }
    const text = { Sequence: { id: "A", type_id: 0 } }
    const template = (...single: ReadonlyArray<object>) => ({
      ...{ type: "TemplateProcessing", single, pair: [text, { Sequence: { id: "B", type_id: 1 } }] },
      special_tokens: { "<|endoftext|>": special },
    })
    const begins = expect.stringContaining("begins a text with <|endoftext|> (id 0)")
    const ends = expect.stringContaining("ends a text with <|endoftext|> (id 0)")
    expect(notes({ post_processor: template(piece, text) })).toEqual([begins])
    expect(notes({ post_processor: template(text, piece) })).toEqual([ends])
    expect(notes({ post_processor: template(text) })).toEqual([])
    const steps = [
      { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
      template(piece, text),
    ]
    expect(notes({ post_processor: { type: "Sequence", processors: steps } })).toEqual([begins])
    const pair = ["<|endoftext|>", 0]
    expect(notes({ post_processor: { type: "BertProcessing", sep: pair, cls: pair } })).toEqual([begins, ends])
    expect(notes({}, { add_bos_token: true, bos_token: "<|endoftext|>" })).toEqual([begins])
    expect(notes({}, { add_bos_token: true, bos_token: { content: "<|endoftext|>" } })).toEqual([begins])
    expect(notes({}, { add_bos_token: false, bos_token: "<|endoftext|>" })).toEqual([])
    expect(framingOf({ type: "Unheard" })).toEqual({ before: [], after: [] })
  })

  test("requests of tokenizer_config.json that tokenizer.json does not fulfil", () => {
    const decoder = (id: number, content: string) => ({ added_tokens_decoder: { [id]: { content, special: true } } })
    expect(notes({}, decoder(0, "<|endoftext|>"))).toEqual([])
    expect(notes({}, decoder(280, "<late>"))).toEqual([
      'tokenizer_config.json adds "<late>" as id 280, which tokenizer.json does not have; tokenizer.json counts here',
    ])
    expect(notes({}, decoder(7, "<|endoftext|>"))).toEqual([expect.stringContaining("has as id 0")])
    expect(notes({}, { add_prefix_space: false })).toEqual([])
    expect(notes({}, { add_prefix_space: true })).toEqual([expect.stringContaining("has add_prefix_space true")])
    const lower = { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null }
    expect(notes({ normalizer: { ...lower, lowercase: true } }, { do_lower_case: false })).toEqual([
      expect.stringContaining("has do_lower_case false, tokenizer.json true"),
    ])
  })

  test("an added token whose id the library does not give", () => {
    const codec = makeCodec(withAdded(normal(900, "<late>")))
    const id = Object.keys(json.model.vocab).length
    expect([codec.idOf("<late>"), codec.vocabularySize]).toEqual([id, id + 1])
    expect(codec.notes).toEqual([
      `added_tokens gives "<late>" the id 900; the tokenizers library gives it ${id}, here as in Python`,
    ])
  })
})

describe("refused with a sentence", () => {
  const { vocab } = json.model
  const ids = (id: unknown) => withModel({ vocab: { ...vocab, odd: id } })
  const cases: Record<string, readonly [file: object, says: string]> = {
    "an id beyond 32 bits": [ids(4294967301), `model.vocab gives "odd" the id 4294967301, expected an integer from 0`],
    "a negative id": [ids(-1), `gives "odd" the id -1`],
    "an id that is no integer": [ids(1.5), `gives "odd" the id 1.5`],
    "an id that is no number": [ids("7"), `gives "odd" the id "7"`],
    "two tokens of one id": [ids(5), 'and, in model.vocab, "odd"; expected one token an id'],
    "an added token's id beyond 32 bits": [
      withAdded(specialToken(2 ** 32, "<x>")),
      `added_tokens gives "<x>" the id 4294967296`,
    ],
    "an added token of another's id": [withAdded(specialToken(3, "<x>")), `id 3 is`],
    "two added tokens of one id": [withAdded(normal(900, "<a>"), normal(900, "<b>")), `id 900 is "<a>"`],
    "a dropout that is none": [withModel({ dropout: 2 }), "model.dropout is 2"],
    "a model of no known type": [withModel({ type: "Magic" }), "model.type must be"],
    "a merge of unknown tokens": [withModel({ merges: [["never", "seen"]] }), "is refused by the tokenizers library: "],
    "a step of no known type": [
      { ...json, pre_tokenizer: { type: "Magic" } },
      "is refused by the tokenizers library: ",
    ],
    "another version": [{ ...json, version: "2.0" }, "Unknown tokenizer version '2.0'"],
    // The library ends the process on these.
    "a prefix that merges lack": [
      withModel({ continuing_subword_prefix: "#".repeat(40) }),
      "has a second half without it",
    ],
    "a damaged table": [
      { ...json, normalizer: { type: "Precompiled", precompiled_charsmap: "AAAA" } },
      "precompiled_charsmap",
    ],
    "a pattern that matches the empty text": [
      { ...json, normalizer: { type: "Replace", pattern: { Regex: "" }, content: "x" } },
      'the normalizer Replace has the pattern "", which matches the empty text',
    ],
    "pieces of no length": [{ ...json, pre_tokenizer: { type: "FixedLength", length: 0 } }, "FixedLength has length 0"],
    "a prefix of no length": [{ ...json, normalizer: { type: "Prepend", prepend: "" } }, 'Prepend has prepend ""'],
    "a Strip that crashes": [
      { ...json, decoder: { type: "Sequence", decoders: [{ type: "Strip", content: " ", start: 0, stop: 1 }] } },
      "the decoder Strip has stop 1",
    ],
    "an added token of which the normaliser leaves nothing": [
      {
        ...withAdded({ ...normal(900, "  "), normalized: true }),
        normalizer: { type: "Strip", strip_left: true, strip_right: true },
      },
      'the normalizer leaves nothing of the added token "  "',
    ],
    "two added tokens that the normaliser makes one": [
      {
        ...withAdded({ ...normal(900, "<A>"), normalized: true }, { ...specialToken(901, "<a>"), normalized: true }),
        normalizer: { type: "Lowercase" },
      },
      'the normalizer makes the added tokens "<A>" and "<a>" the same text, "<a>"',
    ],
  }
  for (const [name, [file, says]] of Object.entries(cases))
    test(name, () => expect(() => makeCodec(file)).toThrow(says))

  test("many faults are counted, the first are shown", () => {
    const many = Object.fromEntries(Object.keys(vocab).map((token) => [token, -1]))
    expect(() => makeCodec(withModel({ vocab: many }))).toThrow(/and \d+ more$/)
  })

  test("a text that cannot be encoded is named", async () => {
    const words = { type: "WordLevel", vocab: { one: 0, two: 1 }, unk_token: "?" }
    const codec = makeCodec({
      ...json,
      added_tokens: [],
      pre_tokenizer: { type: "WhitespaceSplit" },
      model: words,
      decoder: null,
    })
    expect(await encodeOne(codec, "one two")).toEqual([0, 1])
    const error = await Effect.runPromise(Effect.flip(codec.encode(["one", "two", "three", "four"])))
    expect(error.message).toContain('the text "three" cannot be encoded: ')
  })

  test("special tokens as text where another token begins within one: Python would pass over the other", async () => {
    const codec = makeCodec(withAdded(specialToken(900, "<a|b>"), normal(901, "|b")))
    expect(codec.spelled("x<a|b>")).toEqual(["<a|b>"])
    expect(await encodeOne(codec, "words |b")).toContain(codec.idOf("|b")!)
    const error = await Effect.runPromise(Effect.flip(codec.encode(["x<a|b>"])))
    expect(error.message).toContain('the added token "|b" begins within the special token "<a|b>"')
    expect(await encodeOne(codec, "x<a|b>", { specialTokens: "ids" })).toContain(codec.idOf("<a|b>")!)
  })

  test("special tokens as text where the normaliser makes another token begin within one", async () => {
    const normalized = { normalized: true }
    const added = [
      { ...specialToken(900, "<A|B>"), ...normalized },
      { ...normal(901, "|b"), ...normalized },
    ]
    const codec = makeCodec({ ...withAdded(...added), normalizer: { type: "Lowercase" } })
    const error = await Effect.runPromise(Effect.flip(codec.encode(["x<a|b>"])))
    expect(error.message).toContain('the added token "|b" begins within the special token "<A|B>"')
  })
})

test("ids that name no token decode to nothing, and do not wrap", () => {
  for (const codec of [trained, byteTokenizer])
    expect(codec.decode([codec.idOf("s")!, 2 ** 32 + 5, -1, 0.5, 99_999, codec.idOf("s")!])).toBe("ss")
})

test("a batch of more than a call takes has the ids of its texts", async () => {
  const tails = ["", " naïve", " <|endoftext|>"]
  const texts = Array.from(
    { length: 120 },
    (_, i) => `${"some words, ".repeat(i % 40 === 0 ? 9 : 800)}${i}${tails[i % 3]}`,
  )
  expect(texts.join("").length).toBeGreaterThan(2 ** 20)
  const all = await encodeAll(trained, texts)
  expect(all.length).toBe(120)
  for (const i of [0, 1, 40, 80, 119]) expect([i, all[i]!]).toEqual([i, await encodeOne(trained, texts[i]!)])
})

test("without a native build the error says so and what to do; bytes need none", () => {
  const script = `
    import { byteTokenizer, trainBpe } from ${JSON.stringify(join(import.meta.dir, "index.ts"))}
    console.log(byteTokenizer.decode([104, 105]))
    try { trainBpe(["a"], { vocabularySize: 257 }) } catch (error) { console.log(error._tag, error.message) }`
  const env = { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: "/nowhere/tokenizers.node" }
  const { stdout, exitCode } = Bun.spawnSync(["bun", "-e", script], { env, cwd: import.meta.dir })
  const out = stdout.toString()
  expect([exitCode, out]).toEqual([0, expect.stringContaining("hi\nDataError the tokenizers library did not load on ")])
  for (const said of ["bun install", "there are builds for linux", "or use the byte tokenizer"])
    expect(out).toContain(said)
})
