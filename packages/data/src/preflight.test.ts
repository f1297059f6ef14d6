import { expect, test } from "bun:test"
import { Effect } from "effect"
import { byteTokenizer } from "./byte-tokenizer.ts"
import { type EncodedTask, encodeTask } from "./encode.ts"
import { type PreflightModel, preflight } from "./preflight.ts"

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
  expect(await refusal(sizes(320, 257))).toContain("vocabularies differ: target 320, draft 257")
  expect(await refusal(sizes(256, 256))).toContain("target has a vocabulary of 256, the tokenizer 257")
  expect(await refusal(sizes(300, 300))).toContain("expected 257, or that rounded up to a multiple of 64")
  expect(await refusal(sizes(1024, 1024))).toContain("rounded up")
  expect((await Effect.runPromise(run(sizes(320, 320)))).examples.length).toBe(3)
  const other = await refusal({ models: [model({ tokenizer: "0123456789abcdef" })] })
  expect(other).toContain("target was saved with tokenizer 0123456789ab")
  const same = run({ models: [model({ tokenizer: byteTokenizer.fingerprint })] })
  expect((await Effect.runPromise(same)).warnings).toEqual([])
})

test("all problems are told at once", async () => {
  const message = await refusal({ ...changed(() => ({ promptLength: 0 })), models: [model({ vocabularySize: 3 })] })
  expect(message).toContain("vocabulary of 3")
  expect(message).toContain("mask of all 1")
})
