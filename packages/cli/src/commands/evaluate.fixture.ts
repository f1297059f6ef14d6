/** A target, a draft and prompts for the tests of `winnow evaluate`. */
import { afterAll, beforeAll } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Decoder } from "@winnow/core"
import { tokenizerFiles, trainBpe } from "@winnow/data"
import { llama } from "@winnow/model-llama"
import { initialise, saveModel } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import type { EvaluateRequest, EvaluationRecord } from "./evaluate-record.ts"
import { computeEvaluation } from "./evaluate-run.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-evaluate-"))
export const at = (...parts: ReadonlyArray<string>) => join(root, ...parts)
export const words = ["How many apples has Anna?", "Ben buys 3 pens for 4 dollars.", "Who is there? Nobody."]
export const tokenizer = trainBpe(words, { vocabularySize: 280 })
export const V = tokenizer.vocabularySize

/** Random weights, and the same with noise: a target accepts such drafts sometimes. */
export const modelOf = (
  noise: number,
  shape: { vocab_size?: number; max_position_embeddings?: number } = {},
): Decoder => {
  const sizes = { vocab_size: V, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2 }
  const use = llama({ ...sizes, max_position_embeddings: 48, ...shape })
  const model = initialise(Effect.runSync(use.instance), 1)
  for (const [name, value] of model.parameters)
    tf.tidy(() => {
      const spread = normals(value.size, 0.3, seeded(2, name))
      const own = normals(value.size, noise, seeded(3, name))
      value.assign(tf.add(value, tf.add(tf.tensor(spread, value.shape), tf.tensor(own, value.shape))))
    })
  return model
}

export const write = (name: string, ...lines: ReadonlyArray<unknown>): string => {
  writeFileSync(at(name), lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"))
  return at(name)
}

export const saved = async (
  name: string,
  model: Decoder,
  extra: Readonly<Record<string, unknown>>,
  words = tokenizer,
) => {
  mkdirSync(at(name))
  await Effect.runPromise(saveModel(model, at(name), extra))
  for (const [file, text] of Object.entries(tokenizerFiles(words))) writeFileSync(at(name, file), text)
  model.dispose()
}

/** Ids of each of the words above. */
export const wordIds = await Effect.runPromise(Effect.map(tokenizer.encode(words), (all) => all.map((ids) => [...ids])))
export let texts = ""
export let numbers = ""

/** The target, the draft and the prompts of the tests of a file: made before them, removed after them. */
export const withModels = (): void => {
  beforeAll(async () => {
    mkdirSync(root, { recursive: true })
    await saved("target", modelOf(0), { eos_token_id: null })
    await saved("draft", modelOf(0.02), {})
    texts = write("texts.jsonl", ...words.map((prompt) => ({ prompt, answer: "left aside" })), "")
    numbers = write("ids.jsonl", ...wordIds.map((ids) => ({ ids })))
  })
  afterAll(() => rmSync(root, { recursive: true }))
}

export const request = (changes: Partial<EvaluateRequest> = {}): EvaluateRequest => ({
  ...{ target: at("target"), draft: at("draft"), prompts: texts, draftLengths: [1, 3], temperature: 0, maxNew: 12 },
  ...{ eos: [], stop: [], seed: 0, rounds: 0, timedPrompts: 32, precision: "float32", specialTokens: "text" },
  ...changes,
})
export const run = (changes: Partial<EvaluateRequest> = {}): Promise<EvaluationRecord> =>
  Effect.runPromise(computeEvaluation(request(changes)))
export const refusal = (changes: Partial<EvaluateRequest>): Promise<string> =>
  Effect.runPromise(Effect.flip(computeEvaluation(request(changes)))).then((error) => error.message)
