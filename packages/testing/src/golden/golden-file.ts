/** The files of golden configurations: written by packages/models/fixtures/random/make.py, read and checked here. */
import { readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import { type } from "arktype"

const numbers = type("number[]")
const config = type({ "[string]": "unknown" })

/** One configuration, with the numbers of `transformers`. */
const goldenCase = type({
  config,
  /** The first 16 digits of the SHA-256 of "name [shape]" of each tensor in a saved file, sorted, one a line. */
  tensors: "string",
  /** Token ids of sequences of several lengths. */
  rows: numbers.array(),
  /** Logits of all tokens of the first sequence, then of the next. */
  logits: numbers,
  /** Sum, and sum with weights cos(0.7 i), of the hidden state that the head reads, of each token. */
  sums: numbers.array(),
  /** Greedy texts that begin like the first sequences; none for an encoder. */
  texts: numbers.array(),
  loss: "number",
  /** By tensor, after one step: the first value, the middle one, the last, and the sum with weights cos(0.7 i). */
  after: { "[string]": numbers },
})

const goldenFile = type({
  made_by: { "[string]": "string" },
  encoder: "boolean",
  /** Number of tokens at the beginning of texts. */
  prompt: "number",
  /** Positions that the loss of an encoder masks, by the last token of the vocabulary. */
  masked: numbers,
  /** AdamW's settings of the step. */
  step: {
    learningRate: "number",
    beta1: "number",
    beta2: "number",
    epsilon: "number",
    weightDecay: "number",
  },
  cases: goldenCase.array().atLeastLength(1),
  /** Configurations that must be refused, with a word on this key. */
  refused: type({ config, key: "string" }).array(),
})

export type GoldenCase = typeof goldenCase.infer
export type GoldenFile = typeof goldenFile.infer

/** Reads a file of golden configurations. @error if it is another file */
export const readGolden = (file: string): GoldenFile =>
  goldenFile.assert(JSON.parse(new TextDecoder().decode(gunzipSync(readFileSync(file)))))
