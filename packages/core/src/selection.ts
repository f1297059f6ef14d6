/** The common part of all filters' input, and a filter's answer. */
import { type Order, type Rng, topFraction } from "@winnow/numerics"

/** The part of the input that is common to all filters. */
export interface FilterContext {
  /** Valid tokens of this micro-batch; at least 1. */
  readonly N: number
  /** The gold token's id. */
  readonly gold_N: Int32Array
  /** The index of each token's sequence in the micro-batch, from 0. */
  readonly sequence_N: Int32Array
  /** The token's position in its sequence, from 0. */
  readonly position_N: Int32Array
  /** The whole text of a sequence of `sequence_N`, prompt included and gold tokens in their places; not to be changed. */
  readonly textOf: (sequence: number) => Int32Array
  /** Optimizer steps done so far, from 0, and steps of the whole stage. */
  readonly step: number
  readonly steps: number
  /** Seeded by run, step and micro-batch: a resumed run has the same draws. */
  readonly rng: Rng
}

/**
 * The result of a filter: 1 or 0 a token, or weights from 0 on. The loss of the kept tokens is divided by the
 * sum of weights ("kept", the default: the step's size does not depend on k) or by N ("valid").
 */
export type Selection =
  | Uint8Array
  | Float32Array
  | {
      readonly weights_N: Uint8Array | Float32Array
      readonly divideBy: "kept" | "valid"
      /** The numbers by which it ranked the tokens; records of its choice compare them. No step reads them. */
      readonly score_N?: Float32Array
    }

/**
 * The selection of a filter that ranks tokens: the fraction k of largest scores, or of the smallest, with the scores.
 *
 * @param options.k keep ratio, above 0, at most 1; ties with the threshold are kept, as by `topFraction`
 * @error NotFinite for a score that is NaN or infinite
 */
export const ranked = (
  score_N: Float32Array,
  options: { readonly k: number; readonly order?: Order; readonly divideBy?: "kept" | "valid" },
): Exclude<Selection, Uint8Array | Float32Array> => {
  const { k, order = "top", divideBy = "kept" } = options
  return { weights_N: topFraction(score_N, k, order), divideBy, score_N }
}
