import { expect, test } from "bun:test"
import { Effect } from "effect"
import { byteTokenizer } from "./byte-tokenizer.ts"
import { type EncodedTask, encodeTask } from "./encode.ts"
import { type PreflightModel, preflight } from "./preflight.ts"
import { makeTokenizer } from "./tokenizer.ts"

const examples = ["1+1=", "2+2=", "3+3=", "4+4="].map((prompt, i) => ({ prompt, answer: String(2 * i + 2) }))
const encode = (all: typeof examples, options: Parameters<typeof encodeTask>[2]) =>
  Effect.runPromise(encodeTask(all, byteTokenizer, options))
const encoded = await encode(examples, { maxLength: 64 })
const model = (changes: Partial<PreflightModel> = {}): PreflightModel => ({
  name: "target",
  vocabularySize: 257,
  maxLength: 64,
  ...changes,
})

const run = (changes: { encoded?: EncodedTask; models?: ReadonlyArray<PreflightModel> } = {}) =>
  preflight({ encoded, tokenizer: byteTokenizer, models: [model(), model({ name: "draft" })], ...changes })
const refusal = async (changes: Parameters<typeof run>[0]) =>
  (await Effect.runPromise(Effect.flip(run(changes)))).message
const changed = (change: (example: EncodedTask["examples"][number]) => Partial<EncodedTask["examples"][number]>) => ({
  encoded: { ...encoded, examples: encoded.examples.map((example) => ({ ...example, ...change(example) })) },
})

test("shows three examples with the trained part marked, the end included", async () => {
  const { examples: shown, warnings } = await Effect.runPromise(run())
  expect(shown).toEqual(["1+1=⟦2<|endoftext|>⟧", "2+2=⟦4<|endoftext|>⟧", "4+4=⟦8<|endoftext|>⟧"])
  expect(warnings).toEqual([])
})

test("examples that were left out are a warning, all of them an error", async () => {
  const long = [...examples, { prompt: "1000+1000=", answer: "2000" }]
  const some = await encode(long, { maxLength: 8 })
  const { warnings } = await Effect.runPromise(run({ encoded: some }))
  expect(warnings).toEqual(["1 of 5 examples (20.0 %) are longer than 8 tokens and were left out whole"])
  const none = await encode(long, { maxLength: 4 })
  expect(await refusal({ encoded: none })).toContain("all 5 examples are longer than 4 tokens")
})

test("masks of all 0 and of all 1 are refused", async () => {
  expect(await refusal(changed(({ ids }) => ({ promptLength: ids.length })))).toContain(
    "4 of 4 examples (the first is number 0) have a mask of all 0",
  )
  expect(await refusal(changed(() => ({ promptLength: 0 })))).toContain("have a mask of all 1")
})

test("cut sequences, foreign ids and sequences too long for a model are refused", async () => {
  expect(await refusal(changed(({ ids }) => ({ ids: ids.subarray(0, 5) })))).toContain("they were cut")
  expect(await refusal(changed(() => ({ ids: Int32Array.of(1, 257, 256), promptLength: 1 })))).toContain(
    "hold an id outside the tokenizer's 0 to 256",
  )
  expect(await refusal({ models: [model({ maxLength: 5 })] })).toContain(
    "the longest example has 6 tokens, target takes 5; set maxLength to 5 or less",
  )
})

test("vocabularies that differ are refused, rows that round the number up are not", async () => {
  const sizes = (target: number, draft: number) => ({
    models: [model({ vocabularySize: target }), model({ name: "draft", vocabularySize: draft })],
  })
  expect(await refusal(sizes(320, 257))).toContain("vocabularies differ: target 320; draft 257")
  expect(await refusal(sizes(256, 256))).toContain("target has a vocabulary of 256, the tokenizer 257")
  expect(await refusal(sizes(300, 300))).toContain("expected 257, or that rounded up to a multiple of 64")
  expect(await refusal(sizes(1344, 1344))).toContain("rounded up")
  expect((await Effect.runPromise(run(sizes(320, 320)))).examples.length).toBe(3)
  const same = run({ models: [model({ tokenizer: byteTokenizer })] })
  expect((await Effect.runPromise(same)).warnings).toEqual([])
})

test("the tokens of a model's own tokenizer are compared id by id, not the file as a whole", async () => {
  const saved = (json: object) => {
    const tokenizer = makeTokenizer(json)
    expect(tokenizer.fingerprint).not.toBe(byteTokenizer.fingerprint)
    return { models: [model({ tokenizer })] }
  }
  const renamed = JSON.parse(JSON.stringify(byteTokenizer.json).replaceAll("<|endoftext|>", "</s>"))
  expect(await refusal(saved(renamed))).toContain(
    'target was saved with another vocabulary: id 256 is "</s>" in its tokenizer.json and "<|endoftext|>" in the data\'s',
  )
  const truncation = { direction: "Right", max_length: 99, strategy: "LongestFirst", stride: 0 }
  const otherRule = saved({ ...byteTokenizer.json, truncation })
  expect((await Effect.runPromise(run(otherRule))).examples.length).toBe(3)
})

test("one error lists all problems", async () => {
  const message = await refusal({ ...changed(() => ({ promptLength: 0 })), models: [model({ vocabularySize: 3 })] })
  expect(message).toContain("vocabulary of 3")
  expect(message).toContain("mask of all 1")
})

test("special tokens in the text, ends inside, other ends of a config, rows without a token, notes of a file: warnings", async () => {
  const spells = [{ prompt: "1+1=", answer: "2<|endoftext|>" }, ...examples]
  const says = async (changes: Parameters<typeof run>[0]) => (await Effect.runPromise(run(changes))).warnings
  expect(await says({ encoded: await encode(spells, { maxLength: 64 }) })).toEqual([
    '1 of 5 examples spell the special token <|endoftext|>; it is encoded as text; specialTokens: "ids" makes it the special token',
  ])
  expect(await says({ encoded: await encode(spells, { maxLength: 64, specialTokens: "ids" }) })).toEqual([
    "1 of 5 examples spell the special token <|endoftext|>; it is encoded as the special token, as asked",
    "1 of 5 answers hold the end token <|endoftext|> (256) before their end; texts stop there",
  ])
  const turns = [{ prompt: "1+1=2<|endoftext|>2+2=", answer: "4" }, ...examples]
  expect(await says({ encoded: await encode(turns, { maxLength: 64, specialTokens: "ids" }) })).toEqual([
    "1 of 5 examples spell the special token <|endoftext|>; it is encoded as the special token, as asked",
  ])
  expect(await says({ models: [model({ ends: [5, 7] }), model({ name: "draft", ends: [256] })] })).toEqual([
    "config.json of the target ends a text with id 5, 7, the data with <|endoftext|> (256), the tokenizer's; texts end with the latter",
  ])
  const changed = { examples: 2, written: "naïve", read: "nave" }
  expect(await says({ encoded: { ...encoded, changed } })).toEqual([
    '2 of 4 examples do not come back from their ids as they were written: "naïve" comes back as "nave"; scores compare what comes back',
  ])
  const wide = { vocabularySize: 320 }
  expect(await says({ models: [model(wide), model({ name: "draft", ...wide })] })).toEqual([
    "target and draft have 63 rows beyond the tokenizer's 257 ids; such an id has no text",
  ])
  const asks = preflight({ encoded, tokenizer: { ...byteTokenizer, notes: ["it asks for much"] }, models: [model()] })
  expect((await Effect.runPromise(asks)).warnings).toEqual(["it asks for much"])
})
