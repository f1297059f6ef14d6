/** The arithmetic that every selective step needs. */
import { Effect } from "effect"
import { modelUseOf, type PairName, type ShapeName, shapePairs } from "../shapes/shapes.ts"
import type { Sizes } from "../side-by-side/common-options.ts"

export interface StepSizes {
  /** The pair of published shapes that has these sizes; left out: two GPT-NeoX. */
  readonly shape?: PairName | undefined
  readonly draft: Sizes
  readonly target: Sizes
  readonly vocab: number
  readonly batch: number
  readonly length: number
  readonly keep: number
  /** True if signals of target and reference are read instead of computed. */
  readonly cached: boolean
}

/** Multiplications and additions, by part of the step. */
export interface Floor {
  /** Forward passes of target and reference up to their heads; 0 when cached. */
  readonly frozen: number
  /** Forward and backward of the draft up to its head; backward costs twice its forward. */
  readonly draft: number
  /** Heads on every token, for the filter's statistics. */
  readonly statistics: number
  /** Heads on the kept tokens again (no logits are stored), and both gradients of the draft's head. */
  readonly kept: number
  readonly total: number
}

/**
 * The floor of one step; each multiplication and each addition counts.
 *
 * It excludes elementwise work, the optimizer and a cached target's few logits: they cost memory traffic, not
 * arithmetic.
 */
export const floorOf = ({ shape, draft, target, vocab, batch, length, keep, cached }: StepSizes): Floor => {
  const N = batch * length
  const K = Math.ceil(keep * N)
  const [[d], [D]] = [draft, target]
  // projections and feed-forward, then scores and values over a causal half
  const neox = ([d, layers, , f]: Sizes) => 2 * N * layers * (4 * d * d + 2 * d * f) + 2 * N * layers * d * length
  const shaped = (name: ShapeName) => N * Effect.runSync(modelUseOf(name).instance).trunkFlops(length / 2)
  const [ofDraft, ofTarget] =
    shape === undefined
      ? [neox(draft), neox(target)]
      : [shaped(shapePairs[shape].draft), shaped(shapePairs[shape].target)]
  const parts = {
    frozen: cached ? 0 : ofTarget + ofDraft,
    draft: 3 * ofDraft,
    statistics: 2 * N * vocab * (cached ? d : D + 2 * d),
    kept: 2 * K * vocab * (cached ? 3 * d : D + 3 * d),
  }
  return { ...parts, total: parts.frozen + parts.draft + parts.statistics + parts.kept }
}
