/** The options of an evaluation. */
import { samplingOptions } from "@winnow/core"

/** Options of `evaluateProposer`; sampling options, applied to target and proposer, among them. */
export const evaluateOptions = samplingOptions.merge({
  "+": "reject",
  /** gamma, one result each; 0 is the target alone. */
  draftLengths: "(number.integer >= 0)[] >= 1",
  /** Most tokens a prompt is continued by; the target's context may allow fewer. */
  maxNew: "number.integer >= 1",
  /** Tokens that end a text; none: only the length and the stop rule do. */
  eosIds: "(number.integer >= 0)[] = []",
  seed: "number.integer & number.safe = 0",
  /** Data set and split that the prompts are of, or their file: every figure is named by it. */
  dataset: "string",
  /** Times that prompts are decoded both ways against the clock; 0: no clock, and no speed-up. */
  rounds: "number.integer >= 0 = 3",
  /** Rounds before the clock counts, as in `SpeedupOptions`. */
  warmup: "number.integer >= 0 = 1",
  /** Prompts that are timed, the first whose texts are longer than a block: 8 passes over 32 of them say enough. */
  timedPrompts: "number.integer >= 1 = 32",
})

/** The options as the caller may write them. */
export type EvaluateOptions = typeof evaluateOptions.inferIn

/** The same with defaults. */
export type EvaluateSettings = typeof evaluateOptions.infer
