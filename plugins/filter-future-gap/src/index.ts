/** Excess over a reference, less what only the future of a token tells: a causal draft cannot learn that. */
import { defineFilter, ranked, TokenJudge } from "@winnow/core"
import { type } from "arktype"

/**
 * The filter `future-gap`: score = a - lambda max(0, g), a = log r(gold) - log q(gold), g = -log r(gold) - e, with e the
 * judge's -log p(gold | the text on both sides); keep score >= quantile(1 - k) of the micro-batch.
 *
 * A token that the reference finds hard and the judge easy is determined by the text after it. lambda = 0 is
 * `focus-finetune`. Ties with the threshold are kept.
 *
 * @error NotFinite for a log-probability that is NaN or infinite
 * @source own
 */
export const futureGap = defineFilter({
  name: "future-gap",
  needs: ["draftNll_N", "referenceNll_N"],
  services: { judge: TokenJudge },
  options: type({
    "+": "reject",
    k: "0 < number <= 1 = 0.4",
    // Weight of the gap, in nats a nat. 1: a token whose whole difficulty is its future has the score of an easy one.
    lambda: "number >= 0 = 1",
    // "bottom" is the control.
    order: "'top' | 'bottom' = 'top'",
    divideBy: "'kept' | 'valid' = 'kept'",
  }),
  make:
    ({ lambda, ...options }) =>
    ({ N, draftNll_N, referenceNll_N, sequence_N, position_N, textOf, judge }) => {
      const judged = new Map<number, Float32Array>()
      const score_N = Float32Array.from({ length: N }, (_, n) => {
        const excess = draftNll_N[n]! - referenceNll_N[n]!
        if (lambda === 0) return excess
        const sequence = sequence_N[n]!
        const nll_T = judged.get(sequence) ?? judge.nll(textOf(sequence))
        judged.set(sequence, nll_T)
        return excess - lambda * Math.max(0, referenceNll_N[n]! - nll_T[position_N[n]!]!)
      })
      return ranked(score_N, options)
    },
})
