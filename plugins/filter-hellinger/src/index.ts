/** Keeps the tokens on which draft and target are furthest apart, more of them while the draft gets worse. */
import { defineFilter, ranked } from "@winnow/core"
import { mean, requireFinite } from "@winnow/numerics"
import { type } from "arktype"

/** Constants of the source: the weight of the past in the moving average, the change that counts, the step of the ratio. */
const [past, tolerance, step, least] = [0.99, 0.05, 0.05, 0.1]

interface Memory {
  /** The present keep ratio. */
  readonly ratio: number
  /** The moving average of the mean loss, and its value when the ratio last moved; null before the first micro-batch. */
  readonly average: number | null
  readonly anchor: number | null
}

/** The memory after a micro-batch. */
const after = ({ ratio, average, anchor }: Memory, loss: number): Memory => {
  const next = average === null ? loss : past * average + (1 - past) * loss
  if (anchor === null) return { ratio, average: next, anchor: next }
  const change = next - anchor
  if (change > tolerance * Math.abs(anchor))
    return { ratio: Math.min(1, ratio * (1 + step)), average: next, anchor: next }
  if (change < -tolerance * Math.abs(anchor))
    return { ratio: Math.max(Math.min(least, ratio), ratio * (1 - step)), average: next, anchor: next }
  return { ratio, average: next, anchor }
}

/**
 * The filter `hellinger`: keep d >= quantile(1 - r) of the micro-batch, d the Hellinger distance of p and q, 0 to 1.
 *
 * r begins at k. With `adaptive` it follows the loss of the draft: where the moving average of the micro-batches' mean loss
 * rises by 5 % r grows by 5 %, up to 1; where it falls by 5 % r shrinks by 5 %, down to 0.1. The last change of r is the base
 * of the next. r and the averages are in the checkpoint.
 *
 * @error NotFinite where a distance or a loss is NaN or infinite
 * @source arXiv 2510.11615 (AdaKD), its adaptive ratio LATF
 */
export const hellinger = defineFilter({
  name: "hellinger",
  needs: ["hellinger_N", "draftLoss_N"],
  options: type({
    "+": "reject",
    // Keep ratio at the start; 0.4 to compare with AdaSPEC's.
    k: "0 < number <= 1 = 0.4",
    // Off keeps the ratio k throughout, as the controls have it.
    adaptive: "boolean = true",
    // "valid" divides by all valid tokens: a step k times smaller.
    divideBy: "'kept' | 'valid' = 'kept'",
  }),
  make: ({ k, adaptive, divideBy }) => {
    let memory: Memory = { ratio: k, average: null, anchor: null }
    return {
      select: ({ hellinger_N, draftLoss_N }) => {
        requireFinite("draftLoss_N", draftLoss_N)
        const selection = ranked(hellinger_N, { k: memory.ratio, divideBy })
        if (adaptive) memory = after(memory, mean(draftLoss_N))
        return selection
      },
      save: () => memory,
      restore: (saved) => {
        memory = saved as Memory
      },
    }
  },
})
