/** `winnow generate` and `winnow evaluate` with a head's folder in the place of a draft's. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { tokenizerFiles, trainBpe } from "@winnow/data"
import { medusa } from "@winnow/head-medusa"
import { llama } from "@winnow/model-llama"
import { initialise, initialiseHead, saveHead, saveModel } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { generationReport } from "./generate-report.ts"
import { computeGeneration, type GenerateRequest } from "./generate-run.ts"
import { serving } from "./serve.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-generate-head-"))
const at = (...parts: ReadonlyArray<string>) => join(root, ...parts)
const words = ["How many apples has Anna?", "Ben buys 3 pens for 4 dollars."]
const tokenizer = trainBpe(words, { vocabularySize: 270 })
const sizes = { hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 64 }

beforeAll(async () => {
  const model = initialise(
    await Effect.runPromise(llama({ ...sizes, vocab_size: tokenizer.vocabularySize }).instance),
    1,
  )
  for (const [name, value] of model.parameters)
    tf.tidy(() => value.assign(tf.add(value, tf.tensor(normals(value.size, 0.3, seeded(2, name)), value.shape))))
  const head = initialiseHead(await Effect.runPromise(medusa({ heads: 2 }).instance), model, 1)
  for (const folder of ["target", "head"]) mkdirSync(at(folder))
  await Effect.runPromise(saveModel(model, at("target"), { eos_token_id: null }))
  for (const [file, text] of Object.entries(tokenizerFiles(tokenizer))) writeFileSync(at("target", file), text)
  await Effect.runPromise(
    saveHead(head, { heads: 2, blocks: 1, vocabulary: "own", bias: true, decay: 0.8 }, at("head")),
  )
  head.dispose()
  model.dispose()
})
afterAll(() => rmSync(root, { recursive: true }))

const request = (changes: Partial<GenerateRequest> = {}): GenerateRequest => ({
  ...{ target: at("target"), draft: at("head"), prompt: words[0]!, draftLength: 4, temperature: 0, maxNew: 24 },
  ...{ eos: [], seed: 0, precision: "float32", specialTokens: "text", compare: false },
  ...changes,
})
const run = (changes: Partial<GenerateRequest> = {}) =>
  Effect.runPromise(Effect.scoped(computeGeneration(request(changes))))

test("the target's own text, by a head; nothing is left in memory", async () => {
  const before = tf.memory().numTensors
  const { draft: _, ...without } = request()
  const alone = await Effect.runPromise(Effect.scoped(computeGeneration(without)))
  const tree = { widths: [2, 1], siblings: "drawn" as const }
  for (const changes of [{}, { tree, draftLength: 2 }]) {
    const found = await run(changes)
    expect(found.text).toBe(alone.text)
    expect(found.proposer).toBe("medusa")
    expect(found.counts.proposed).toBeGreaterThan(10)
    expect(generationReport(found, 80)).toContain("tokens a target call")
  }
  const sampled = await run({ temperature: 1, seed: 3 })
  expect(sampled.counts.proposed).toBeGreaterThan(10)
  expect(tf.memory().numTensors).toBe(before)
})

test("a server with a head: several texts at once are those of the command", async () => {
  const text = async (url: string, seed: number) => {
    const body = { model: "target", prompt: words[0]!, max_tokens: 24, temperature: 1, seed }
    const answer = await fetch(`${url}/completions`, { method: "POST", body: JSON.stringify(body) })
    return ((await answer.json()) as { readonly choices: ReadonlyArray<{ readonly text: string }> }).choices[0]!.text
  }
  const seeds = [1, 2, 3]
  const texts = await Effect.gen(function* () {
    const { prompt: _, temperature: __, maxNew: ___, ...models } = request()
    const rest = { port: 0, name: undefined, chatTemplate: undefined, atOnce: 3, queue: 0 }
    const { url } = yield* serving({ ...models, ...rest })
    return yield* Effect.promise(() => Promise.all(seeds.map((seed) => text(url, seed))))
  }).pipe(Effect.scoped, Effect.runPromise)
  const alone = await Promise.all(seeds.map((seed) => run({ temperature: 1, seed })))
  expect(texts).toEqual(alone.map(({ text }) => text))
})

test("refusals: a head of another target, an unknown head, a damaged head.json", async () => {
  const refused = (changes: Partial<GenerateRequest>) =>
    Effect.runPromise(Effect.flip(Effect.scoped(computeGeneration(request(changes))))).then(({ message }) => message)
  const other = (name: string, json: object) => {
    mkdirSync(at(name))
    writeFileSync(at(name, "head.json"), JSON.stringify(json))
    return at(name)
  }
  const target = { model_type: "llama", hidden_size: 16, vocab_size: 270 }
  expect(await refused({ draft: other("small", { head: "medusa", options: {}, target }) })).toContain(
    "was made for a llama of hidden size 16",
  )
  expect(await refused({ draft: other("unknown", { head: "medusae", options: {}, target }) })).toContain(
    "did you mean medusa?",
  )
  expect(await refused({ draft: other("damaged", { options: {} }) })).toContain("is it a head's?")
})
