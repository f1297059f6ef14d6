/**
 * The content of a token page: texts, and the readings of several arms at each of their tokens.
 *
 * Arrays are base64 of little-endian numbers, so that a page of 5 000 tokens has a few megabytes and is read at once. N
 * tokens of a set of texts, in their order; k most probable tokens a place.
 */
import { type } from "arktype"

/** base64 of numbers; `packed` writes it. */
const numbers = "string"

/** A model's answer before each token: -log of its probability, and the most probable tokens. */
const reading = type({
  "+": "reject",
  /** float32 [N], nats; infinite where the model cannot predict the token. */
  nll: numbers,
  /** Entries a place: at most `mostTokens`; 0 of a head. */
  k: "number.integer >= 0",
  /** uint32 [N, k] */
  ids: numbers,
  /** float32 [N, k], 0 to 1 */
  probabilities: numbers,
})

/** Greedy speculative decoding of the texts. */
const decoding = type({
  "+": "reject",
  gamma: "number.integer >= 0",
  /** uint8 [N]: index in `roles`. 255 beyond a place where decoding wrote another text. */
  role: numbers,
  /** uint32 [N]: the draft's token that the target replaced by this one, else `noToken`. */
  rejected: numbers,
  /** uint32: of each block the place of its first token, the number of proposed tokens, and these. */
  blocks: numbers,
})

/** An arm's filter and draft after some steps of the training. */
const snapshot = type({
  "+": "reject",
  step: "number.integer >= 0",
  /** uint8 [N]: 1 for a kept token. Null where the choice is not known; `note` then says why. */
  kept: type(numbers).or("null"),
  /** float32 [N]: the numbers by which the filter ranked the tokens; NaN for none. */
  score: type(numbers).or("null"),
  /** float32 [N] by name: the statistics that the filter reads. */
  statistics: type({ "[string]": numbers }),
  draft: reading.or("null"),
  /** float32 [N]: sum_v min(p_v, q_v). */
  acceptance: type(numbers).or("null"),
  note: "string | null",
})

/** An arm on the texts of a set. */
const armOnSet = type({
  "+": "reject",
  /** Steps of its training. */
  steps: "number.integer >= 0",
  /** Texts among which its filter decides at once. */
  batchSize: "number.integer >= 1",
  decoding: decoding.or("null"),
  /** float32 [N]: -log of the frozen reference's probability, nats. */
  reference: type(numbers).or("null"),
  snapshots: snapshot.array().atLeastLength(1),
})

/** The part of a set that is the same for all arms. */
const commonSet = type({
  "+": "reject",
  name: "'answers' | 'probe'",
  /** Tokens of each text, its prompt left out; their sum is N. */
  lengths: "(number.integer >= 0)[]",
  /** uint32 of each text's prompt. */
  prompts: type(numbers).array(),
  /** uint32 [N] */
  tokens: numbers,
  target: reading.or("null"),
})

const named = { name: "string", filter: "string" } as const

/** The readings of one arm under one seed: the content of a stage's artifact. */
export const armReadings = type({
  "+": "reject",
  sets: commonSet.merge({ "+": "reject", arm: armOnSet }).array(),
})
export type ArmReadings = typeof armReadings.infer

/** A set of texts with all arms of the page. */
const textSet = commonSet.merge({
  "+": "reject",
  title: "string",
  note: "string",
  arms: armOnSet
    .merge({ "+": "reject", ...named })
    .array()
    .atLeastLength(1),
})

/** A token page's data. */
export const tokensDocument = type({
  "+": "reject",
  schema: "1",
  run: "string",
  experiment: "string",
  question: "string",
  seed: "number.integer",
  /** The arm that the run is about. */
  about: "string | null",
  facts: "string[]",
  /** Sentences that a reader has to know. */
  notes: "string[]",
  /** Meanings of the statistics, by name. */
  meanings: type({ "[string]": "string" }),
  pieces: {
    "+": "reject",
    /** uint32, ascending: the ids that the page names. */
    ids: numbers,
    /** Of each id its text, or its bytes in hex where they are no text. */
    texts: type("string").or({ "+": "reject", hex: "string" }).array(),
  },
  sets: textSet.array().atLeastLength(1),
})
export type TokensDocument = typeof tokensDocument.infer
export type Reading = typeof reading.infer
export type Decoding = typeof decoding.infer
export type Snapshot = typeof snapshot.infer
export type ArmOnSet = typeof armOnSet.infer
export type TextSet = typeof textSet.infer
export type Piece = TokensDocument["pieces"]["texts"][number]

/** Numbers as base64. Every machine that Winnow runs on is little-endian. */
export const packed = (numbers: Float32Array | Uint32Array | Uint8Array): string =>
  Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString("base64")
