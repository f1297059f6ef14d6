/** Pairs of folders: one vocabulary under other numbers of rows or names, and pairs that are refused. */
import { expect, test } from "bun:test"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { trainBpe } from "@winnow/data"
import { generate } from "@winnow/generation"
import { llama } from "@winnow/model-llama"
import { loadDecoder, logitsOf, modelOfIds } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { at, modelOf, refusal, run, saved, V, withModels, wordIds } from "./evaluate.fixture.ts"

withModels()

test("heads with different numbers of rows are cut to the smaller one, which has all tokens, with a note", async () => {
  await saved("padded", modelOf(0, { vocab_size: V + 70 }), { eos_token_id: null })
  await saved("rounded", modelOf(0.02, { vocab_size: V + 6 }), {})
  const { target, draft, results, notes } = await run({ target: at("padded"), draft: at("rounded") })
  expect([target.vocabularySize, draft!.vocabularySize]).toEqual([V + 6, V + 6])
  expect(notes[0]).toBe(
    `The target's head has ${V + 70} rows, the draft's ${V + 6}: both are read to ${V + 6}, as the ${V} tokens have lower ids.`,
  )
  const whole = await Effect.runPromise(loadDecoder(at("padded"), [llama]))
  const read = await Effect.runPromise(loadDecoder(at("padded"), [llama], { rows: V + 6 }))
  tf.tidy(() => {
    const ids = tf.tensor2d([wordIds[0]!], undefined, "int32")
    const rows = (logits: tf.Tensor3D) => logits.slice([0, 0, 0], [-1, -1, V + 6]).dataSync()
    const [a, b] = [rows(logitsOf(whole, ids)), rows(logitsOf(read, ids))]
    for (const [i, x] of a.entries()) expect(b[i]!).toBeCloseTo(x, 4)
  })
  const { rollouts } = await generate(read, wordIds, { maxNew: 12 })
  for (const result of results) {
    expect(result.outputs).toEqual(rollouts.map(({ tokens }) => [...tokens]))
    expect(result.identity!.identical).toBe(3)
  }
  for (const model of [whole, read]) model.dispose()
})

test("a tokenizer that names more tokens, and the others alike, is of the same vocabulary; a note tells how many", async () => {
  await saved("more", modelOf(0.02), {})
  const json = JSON.parse(readFileSync(at("more", "tokenizer.json"), "utf8"))
  const last = V - 1
  json.added_tokens = json.added_tokens.filter(({ id }: { id: number }) => id !== last)
  json.model.vocab = Object.fromEntries(Object.entries(json.model.vocab).filter(([, id]) => id !== last))
  json.model.merges = json.model.merges.slice(0, -1)
  writeFileSync(at("more", "tokenizer.json"), JSON.stringify(json))
  const { notes, results } = await run({ draft: at("more") })
  expect(notes[0]).toBe(
    "The target's tokenizer.json alone names 1 of the ids; the others mean the same tokens in both.",
  )
  expect(results[0]!.identity!.identical).toBe(3)
})

test("a draft that proposes some ids: the texts are the target's own, and a note says it; such a target is refused", async () => {
  const whole = modelOf(0)
  const ids = Int32Array.from({ length: V >> 1 }, (_, u) => 2 * u)
  await saved("some", modelOfIds(whole, ids), {})
  whole.dispose()
  const { notes, results } = await run({ draft: at("some") })
  expect(notes[0]).toBe(`The draft proposes ${V >> 1} of the ${V} ids; other tokens are the target's.`)
  for (const { identity } of results) expect(identity!.identical).toBe(3)
  expect(await refusal({ target: at("some"), draft: at("some") })).toContain(
    `the target predicts ${V >> 1} of its ${V} ids; a draft may, a target must predict every id`,
  )
})

test("a head without a row for each token, or of another number of rows without tokenizers; ids that mean other tokens", async () => {
  await saved("small", modelOf(0, { vocab_size: V - 8 }), {})
  expect(await refusal({ draft: at("small") })).toContain(
    `the target's head has ${V} rows, the draft's ${V - 8}, and there are ${V} tokens; expected a row for each in both`,
  )
  await saved("large", modelOf(0, { vocab_size: V + 8 }), {})
  rmSync(at("large", "tokenizer.json"))
  expect(await refusal({ draft: at("large") })).toContain("or a tokenizer.json in both folders that tells which rows")
  await saved("foreign", modelOf(0), {}, trainBpe(["zzzz zzzz qqqq"], { vocabularySize: 280 }))
  const different = await refusal({ draft: at("foreign") })
  expect(different).toMatch(/id \d+ is ".*" in .*target\/tokenizer.json and /)
  expect(different).toContain("docs/vocabularies.md says which pairs can")
})
