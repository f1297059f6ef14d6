/**
 * Masked tokens: some tokens of each example are hidden from the input and predicted from all the others.
 *
 * Letters: B sequences, T positions, N masked tokens.
 */
import { defineObjective, type EncodedExample, type ObjectiveInput, type Problem } from "@winnow/core"
import { type } from "arktype"
import { meanRate, rateAt, rateOption } from "./rate.ts"

const share = type("0 <= number <= 1")

/**
 * The objective `masked`: of each example a share of the tokens is masked anew each time it comes, at least one. A masked token
 * is replaced by the mask's id, by a random id, or kept; its own position predicts it, or the position before.
 *
 * @source Devlin et al. 2019, "BERT", arXiv 1810.04805, section 3.1: rate 0.15, shares 0.8, 0.1, 0.1
 * @source Wettig et al. 2023, "Should you mask 15 % in masked language modeling?", arXiv 2202.08005: higher rates
 * @source BehnamGhader et al. 2024, "LLM2Vec", arXiv 2404.05961: masked next-token prediction, `by: "before"`
 */
export const masked = defineObjective({
  name: "masked",
  repeats: false,
  reads: "both",
  options: type({
    "+": "reject",
    // The id that stands for a masked token: of the tokenizer's mask token, or one that no text has.
    maskId: "number.integer >= 0",
    // Share of the tokens.
    rate: rateOption.default(0.3),
    // BERT's shares: an encoder never sees the mask afterwards, so not all masked tokens are replaced by it.
    mask: share.default(0.8),
    random: share.default(0.1),
    keep: share.default(0.1),
    // "answer" leaves the prompt as it is, as other objectives do; "all" masks it too.
    of: "'answer' | 'all' = 'answer'",
    // The position that predicts a masked token. "before" asks what a decoder answers: its head predicts the token after.
    by: "'own' | 'before' = 'own'",
  }).narrow(
    ({ mask, random, keep }, ctx) =>
      Math.abs(mask + random + keep - 1) < 1e-9 || ctx.mustBe("such that mask, random and keep add up to 1"),
  ),
  rows: ({ rate, of, by }, { length, trained }) => {
    const maskable = of === "all" ? length : trained
    // The first token of a text has no position before.
    return Math.max(1, meanRate(rate) * Math.min(maskable, by === "before" ? length - 1 : length))
  },
  make: ({ maskId, rate, mask, random, of, by }) => {
    /** Positions to mask, ascending: the nearest whole number of the share, one at least. */
    const positionsOf = ({ ids, promptLength }: EncodedExample, share: number, { rng }: ObjectiveInput) => {
      const first = Math.max(of === "all" ? 0 : promptLength, by === "before" ? 1 : 0)
      const places = Int32Array.from({ length: ids.length - first }, (_, i) => first + i)
      const count = Math.min(places.length, Math.max(1, Math.round(share * places.length)))
      // the first `count` places of a shuffle
      for (let i = 0; i < count; i++) {
        const j = i + rng.below(places.length - i)
        const place = places[i]!
        places[i] = places[j]!
        places[j] = place
      }
      return places.subarray(0, count).toSorted()
    }
    return (input): Problem => {
      const { examples, padId, vocabularySize, rng } = input
      const share = rateAt(rate, input)
      const back = by === "before" ? 1 : 0
      const B = examples.length
      const length_B = Int32Array.from(examples, ({ ids }) => ids.length)
      const T = length_B.reduce((a, b) => Math.max(a, b), 0)
      const chosen = examples.map((example) => positionsOf(example, share, input))
      const N = chosen.reduce((sum, { length }) => sum + length, 0)
      const ids_BT = new Int32Array(B * T).fill(padId)
      const [row_N, gold_N, sequence_N] = [new Int32Array(N), new Int32Array(N), new Int32Array(N)]
      const position_N = new Int32Array(N)
      let n = 0
      for (const [b, { ids }] of examples.entries()) {
        ids_BT.set(ids, b * T)
        for (const position of chosen[b]!) {
          const row = b * T + position
          row_N[n] = row - back
          gold_N[n] = ids[position]!
          sequence_N[n] = b
          position_N[n++] = position
          const u = rng.uniform()
          if (u < mask) ids_BT[row] = maskId
          else if (u < mask + random) ids_BT[row] = rng.below(vocabularySize)
        }
      }
      const tokens = length_B.reduce((a, b) => a + b, 0)
      return { B, T, ids_BT, length_B, row_N, gold_N, sequence_N, position_N, tokens }
    }
  },
})
