/** Finds settings of the target's folder that make `transformers` write other texts than this evaluation. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { DataError } from "@winnow/core"
import { parseJson, readRegularText } from "@winnow/files"
import { generationKeys } from "@winnow/models"
import { Effect } from "effect"
import type { Ends } from "./evaluate-folders.ts"

/** Settings that texts are sampled by. */
export interface SampledBy {
  readonly temperature: number
  readonly topK?: number | undefined
  readonly topP?: number | undefined
}

type Neutral = (value: unknown) => boolean

const one: Neutral = (value) => value === 1
const none: Neutral = (value) =>
  value === false || value === 0 || (typeof value === "object" && Object.keys(value as object).length === 0)
const atMostOne: Neutral = (value) => typeof value === "number" && value <= 1
const zeroOrOne: Neutral = (value) => value === 0 || value === 1

/** Keys that change every text, with the values that have no effect; null never has one. */
const always: ReadonlyMap<string, Neutral> = new Map([
  ...["repetition_penalty", "encoder_repetition_penalty", "guidance_scale"].map((key) => [key, one] as const),
  ...["num_beams", "num_beam_groups"].map((key) => [key, atMostOne] as const),
  ...(
    "no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids force_words_ids min_length min_new_tokens " +
    "suppress_tokens begin_suppress_tokens sequence_bias watermarking_config penalty_alpha dola_layers constraints " +
    "stop_strings token_healing max_time forced_bos_token_id forced_eos_token_id exponential_decay_length_penalty"
  )
    .split(" ")
    .map(
      (key) =>
        [key, key.startsWith("forced_") ? (value: unknown) => Array.isArray(value) && none(value) : none] as const,
    ),
  ["assistant_ensemble_weight", zeroOrOne],
  ["cache_implementation", (value) => value !== "quantized"],
])

/** Keys that change only sampled texts. */
const whenSampled: ReadonlyMap<string, Neutral> = new Map([
  ["typical_p", one],
  ...["min_p", "top_h", "epsilon_cutoff", "eta_cutoff"].map((key) => [key, none] as const),
])

/** Keys of generation_config.json that are not settings of generation, or that change no text. */
const others: ReadonlySet<string> = new Set(
  (
    "transformers_version _from_model_config _commit_hash bos_token_id eos_token_id pad_token_id decoder_start_token_id " +
    "use_cache output_attentions output_hidden_states trust_remote_code transformers_weights"
  ).split(" "),
)

const readObject = (file: string): Effect.Effect<Readonly<Record<string, unknown>> | undefined, DataError> =>
  existsSync(file)
    ? Effect.map(
        Effect.try({
          try: () => parseJson(readRegularText(file, { most: 2 ** 24, what: "a configuration" })),
          catch: (error) =>
            new DataError({ message: `${file} cannot be read: ${(error as Error).message}`, cause: error }),
        }),
        (value) =>
          typeof value === "object" && value !== null && !Array.isArray(value)
            ? (value as Readonly<Record<string, unknown>>)
            : {},
      )
    : Effect.succeed(undefined)

const excerpt = (value: unknown): string => {
  const text = JSON.stringify(value)
  return text.length > 40 ? `${text.slice(0, 37)}...` : text
}

/** Keys whose values change texts in this mode of sampling. */
const changing = (config: Readonly<Record<string, unknown>>, { temperature, topK, topP }: SampledBy) => {
  const greedy = temperature === 0
  const settings: Array<string> = []
  for (const [key, value] of Object.entries(config)) {
    if (value === null) continue
    const neutral = always.get(key) ?? (greedy ? undefined : whenSampled.get(key))
    if (neutral !== undefined && !neutral(value)) settings.push(`${key} ${excerpt(value)}`)
  }
  const samples = config["do_sample"] === true
  if (greedy && samples) settings.push("do_sample true")
  // Without do_sample transformers ignores the three as well.
  if (!greedy && samples) {
    const here = { temperature, top_k: topK ?? 0, top_p: topP ?? 1 }
    for (const [key, value] of Object.entries(here))
      if (Object.hasOwn(config, key) && config[key] !== null && config[key] !== value)
        settings.push(`${key} ${excerpt(config[key])}`)
  }
  return settings
}

/**
 * A note on each file of the target's folder with settings that `transformers` follows in `generate`, and evaluation
 * does not.
 *
 * @error DataError for a file that cannot be read
 */
export const generationNotes = Effect.fnUntraced(function* (
  folder: string,
  by: SampledBy,
): Effect.fn.Return<ReadonlyArray<string>, DataError> {
  const own = yield* readObject(join(folder, "generation_config.json"))
  const config = yield* readObject(join(folder, "config.json"))
  const notes: Array<string> = []
  const how = by.temperature === 0 ? "greedily" : `at temperature ${by.temperature}`
  const asIs = `the texts here are of the model alone, decoded ${how}`
  if (own !== undefined) {
    const settings = changing(own, by)
    if (settings.length > 0)
      notes.push(
        `generation_config.json of the target sets ${settings.join(", ")}, which transformers' generate follows; ${asIs}.`,
      )
    const unknown = Object.keys(own).filter((key) => !generationKeys.has(key) && !others.has(key))
    if (unknown.length > 0)
      notes.push(
        `generation_config.json of the target: ${unknown.slice(0, 8).map(excerpt).join(", ")} is not known here; left aside.`,
      )
  } else if (config !== undefined) {
    const settings = changing(config, by)
    if (settings.length > 0)
      notes.push(
        `config.json of the target sets ${settings.join(", ")}, which transformers 4 follows in generate (5 does not); ${asIs}.`,
      )
  }
  return notes
})

/** The end of `transformers` for a config.json of either family that lacks `eos_token_id`. */
const DEFAULT_END = 2

/**
 * A note if `transformers` would end texts at another token because a file of the target's folder lacks `eos_token_id`:
 * it reads only generation_config.json if there is one, and uses a default end for a config.json without the key.
 *
 * @error DataError for a file that cannot be read
 */
export const endNotes = Effect.fnUntraced(function* (
  folder: string,
  { ids, source }: Ends,
): Effect.fn.Return<ReadonlyArray<string>, DataError> {
  if (source === "--eos") return []
  const here = ids.length === 0 ? "no token does" : `id ${ids.join(", ")} does, says ${source}`
  const own = yield* readObject(join(folder, "generation_config.json"))
  if (own !== undefined) {
    if (Object.hasOwn(own, "eos_token_id") || ids.length === 0) return []
    return [
      `The target's generation_config.json names no eos_token_id, so in transformers' generate no token ends a text; here ${here}: --eos none ends none.`,
    ]
  }
  const config = yield* readObject(join(folder, "config.json"))
  if (config === undefined || Object.hasOwn(config, "eos_token_id") || ids.join() === String(DEFAULT_END)) return []
  return [
    `The target's config.json names no eos_token_id, for which transformers takes ${DEFAULT_END}; here ${here}: --eos ${DEFAULT_END} ends a text there.`,
  ]
})
