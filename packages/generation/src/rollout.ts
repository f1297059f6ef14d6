/** The text that a model wrote after a prompt. */

/** The cause of a rollout's end: end-of-sequence token, the caller's stop rule, or the length limit. */
export type Finish = "eos" | "stop" | "length"

/** A prompt and the model's continuation. */
export interface Rollout {
  readonly prompt: Int32Array
  /** Generated tokens, including the end-of-sequence token if it was reached. */
  readonly tokens: Int32Array
  readonly finish: Finish
  /** The most tokens that this rollout could have had; block structure near the end depends on it. */
  readonly limit: number
}

/** A caller's stop rule (stop strings): true if generation ends after these generated tokens. */
export type Stop = (tokens: ReadonlyArray<number>) => boolean

/** The rules that end one sequence. */
export interface Ending {
  readonly eosId: number | undefined
  readonly stop: Stop | undefined
  readonly limit: number
}

/** The cause that ends the sequence at its newest token; undefined if it continues. */
export const finishOf = (tokens: ReadonlyArray<number>, ending: Ending): Finish | undefined => {
  if (tokens.at(-1) === ending.eosId && ending.eosId !== undefined) return "eos"
  if (ending.stop?.(tokens)) return "stop"
  return tokens.length >= ending.limit ? "length" : undefined
}

/**
 * The most tokens that can follow a prompt.
 *
 * @error RangeError for an empty prompt or one that leaves the model no room
 */
export const limitOf = (prompt: ArrayLike<number>, maxNew: number, maxLength: number): number => {
  if (prompt.length === 0) throw new RangeError("a prompt of 0 tokens, expected at least 1: add a start token")
  if (prompt.length >= maxLength)
    throw new RangeError(
      `a prompt of ${prompt.length} tokens, the model's context is ${maxLength} and must hold at least one more: shorten the prompt`,
    )
  return Math.min(maxNew, maxLength - prompt.length)
}
