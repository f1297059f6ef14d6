/** Real prompts, and two models for them; the target accepts the draft often but not always. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { type Tokenizer, trainBpe } from "@winnow/data"
import type { Rollout } from "@winnow/generation"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { Effect } from "effect"
import { shake } from "./transformers.ts"

const data = process.env["WINNOW_DATA"]
const file = data && join(data, "gsm8k/test_a.jsonl")

/** The reason for missing real prompts; undefined if they are there. */
export const missing: string | undefined =
  file === undefined ? "WINNOW_DATA is not set" : existsSync(file) ? undefined : `no ${file}`

/** The first `count` problems of GSM8K's test file, and a tokenizer trained on their text. */
export const realPrompts = async (
  count: number,
): Promise<{ prompts: ReadonlyArray<Int32Array>; tokenizer: Tokenizer }> => {
  const lines = readFileSync(file!, "utf8").split("\n").slice(0, count)
  const texts = lines.map((line) => `Question: ${(JSON.parse(line) as { question: string }).question}\nAnswer:`)
  const tokenizer = trainBpe(texts, { vocabularySize: 1024 })
  return { prompts: await Effect.runPromise(tokenizer.encode(texts)), tokenizer }
}

/** A target with random weights, and a draft with the same weights and noise. */
export const noisedPair = (V: number, noise: number) => {
  const architecture = Effect.runSync(
    llama({
      vocab_size: V,
      hidden_size: 64,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      max_position_embeddings: 512,
    }).instance,
  )
  const target = shake(initialise(architecture, 1), 0.15, 2)
  const draft = shake(shake(initialise(architecture, 1), 0.15, 2), noise, 3)
  const dispose = () => {
    for (const model of [target, draft]) model.dispose()
  }
  return { target, draft, dispose }
}

/** The candidate that ends nearest to `share` of the texts; each text lists the candidates in its middle. */
const nearest = <T>(texts: ReadonlyArray<ReadonlySet<T>>, share: number): T => {
  const counts = new Map<T, number>()
  for (const text of texts) for (const candidate of text) counts.set(candidate, (counts.get(candidate) ?? 0) + 1)
  const distance = (count: number) => Math.abs(count - share * texts.length)
  return [...counts].reduce((a, b) => (distance(b[1]) < distance(a[1]) ? b : a))[0]
}

/** Tokens before which no text ends, so that most ends lie after the first block. */
const START = 3

/** An end token that occurs in the middle of about one in three of these texts. */
export const endToken = (rollouts: ReadonlyArray<Rollout>): number =>
  nearest(
    rollouts.map(({ tokens }) => new Set(tokens.subarray(START, -1)).difference(new Set(tokens.subarray(0, START)))),
    1 / 3,
  )

/** Two characters that occur in the middle of about one in three of these texts; of one token or of two. */
export const stopString = (rollouts: ReadonlyArray<Rollout>, { decode }: Tokenizer): string => {
  const pairs = (text: string) => new Set(Array.from({ length: text.length - 1 }, (_, i) => text.slice(i, i + 2)))
  return nearest(
    rollouts.map(({ tokens }) =>
      pairs(decode(tokens.subarray(0, -1))).difference(pairs(decode(tokens.subarray(0, START)))),
    ),
    1 / 3,
  )
}
