/** The text that a model wrote after a prompt. */

/** Why a rollout ended: end-of-sequence token, the caller's stop rule, or the length limit. */
export type Finish = "eos" | "stop" | "length"

/** A prompt and the tokens that a model generated after it. */
export interface Rollout {
  readonly prompt: Int32Array
  /** Generated tokens; the end-of-sequence token is among them if it was reached. */
  readonly tokens: Int32Array
  readonly finish: Finish
  /** The most tokens that this rollout could have had: what block structure near the end depends on. */
  readonly limit: number
}

/** A caller's stop rule (stop strings): true if generation ends with the last of these generated tokens. */
export type Stop = (tokens: ReadonlyArray<number>) => boolean

/** When to end, for one sequence. */
export interface Ending {
  readonly eosId: number | undefined
  readonly stop: Stop | undefined
  readonly limit: number
}

/** How the sequence ends with its newest token, undefined if it goes on. */
export const finishOf = (tokens: ReadonlyArray<number>, ending: Ending): Finish | undefined => {
  if (tokens.at(-1) === ending.eosId && ending.eosId !== undefined) return "eos"
  if (ending.stop?.(tokens)) return "stop"
  return tokens.length >= ending.limit ? "length" : undefined
}

/**
 * The most tokens a prompt can be continued by.
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
