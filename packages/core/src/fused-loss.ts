/** The losses that the native vocabulary head computes: a loss declares its form. */
import type { ScheduleValue } from "./schedule-value.ts"

/**
 * A loss by name and numbers. The plugin of that name has the formula; `checkLoss` and the step's tests compare both.
 */
export type FusedLoss =
  /** -log q(gold). */
  | { readonly form: "cross-entropy" }
  /** factor KL(p || q), both at the temperature. */
  | { readonly form: "kl"; readonly temperature: number; readonly factor: number }
  /** KL(p' || q), p' = p^(1/T) / sum p^(1/T), T by the step. */
  | { readonly form: "sharpened-kl"; readonly temperature: ScheduleValue }
  /** KL(q || p). */
  | { readonly form: "reverse-kl" }
  /** beta KL(p || m) + (1 - beta) KL(q || m), m = beta p + (1 - beta) q. */
  | { readonly form: "jsd"; readonly beta: number }
  /** KL(p || a p + (1 - a) q), or KL(q || a q + (1 - a) p). */
  | { readonly form: "skewed-kl"; readonly a: number; readonly direction: "forward" | "reverse" }
  /** 1/2 sum |p - q|. */
  | { readonly form: "tvd" }
  /** -log sum min(p, q). */
  | { readonly form: "neg-log-acceptance" }
  /** l KL(p || q) + (1 - l) TVD, l = exp(-eta sum min(p, q)) of each row. */
  | { readonly form: "lk"; readonly eta: number }
  /**
   * Rewards r = 1{p > q} normalised over the batch, or over each position; `epsilon` is added to the standard
   * deviation. "exact": expectation under q. "uniform": equal weight for every vocabulary entry.
   */
  | { readonly form: "rewards"; readonly expectation: "exact"; readonly epsilon: number }
  | {
      readonly form: "rewards"
      readonly expectation: "uniform"
      readonly normalise: "batch" | "position"
      readonly epsilon: number
    }
  /** The same on `samples` tokens drawn from q by inverse CDF at (u + i / samples) mod 1, u the row's uniform number. */
  | { readonly form: "sampled-rewards"; readonly samples: number; readonly epsilon: number }
