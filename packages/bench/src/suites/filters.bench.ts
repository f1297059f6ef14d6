/** Each filter alone: statistics in, selection out. The suite `micro-batch` has the cost of statistics. */

import { readyFilter, TokenJudge } from "@winnow/core"
import { adaspec } from "@winnow/filter-adaspec"
import { blockWeight } from "@winnow/filter-block-weight"
import { boundary } from "@winnow/filter-boundary"
import { draftEntropy } from "@winnow/filter-draft-entropy"
import { excessCrossEntropy } from "@winnow/filter-excess-cross-entropy"
import { focusFinetune } from "@winnow/filter-focus-finetune"
import { futureGap } from "@winnow/filter-future-gap"
import { hellinger } from "@winnow/filter-hellinger"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { rawLoss } from "@winnow/filter-raw-loss"
import { softOr } from "@winnow/filter-soft-or"
import { targetEntropy } from "@winnow/filter-target-entropy"
import { unbiased } from "@winnow/filter-unbiased"
import { verifyWeight } from "@winnow/filter-verify-weight"
import { instanceOf, randomFilterInput } from "@winnow/testing"
import { Effect } from "effect"
import { do_not_optimize } from "mitata"
import type { Suite } from "../suite.ts"

const uses = [
  none(),
  blockWeight(),
  verifyWeight(),
  ...[random, adaspec, focusFinetune, excessCrossEntropy, rawLoss, draftEntropy, targetEntropy].map((filter) =>
    filter({ k: 0.4 }),
  ),
  ...[hellinger, softOr, boundary, unbiased].map((filter) => filter({ k: 0.4 })),
]

/** N = 1024 is a micro-batch of our experiments, 16384 one of a large run. */
export const filters: Suite = ({ bench }) => {
  for (const use of uses)
    for (const N of [1024, 16384])
      bench(`${use.name}, N = ${N}`, {
        work: { amount: N, unit: "tokens/s" },
        setup: async function* () {
          const filter = await instanceOf(use)
          const input = randomFilterInput(N, 1)
          yield () => do_not_optimize(filter.select(input))
        },
      })
  // Its judge answers at once: scores of texts are remembered, and an encoder's passes are another matter.
  const judge = { nll: (text_T: Int32Array) => Float32Array.from(text_T) }
  const judged = readyFilter(futureGap()).pipe(Effect.provideService(TokenJudge, judge))
  for (const N of [1024, 16384])
    bench(`future-gap, N = ${N}`, {
      work: { amount: N, unit: "tokens/s" },
      setup: async function* () {
        const filter = await Effect.runPromise(judged)
        const input = randomFilterInput(N, 1)
        yield () => do_not_optimize(filter.select(input))
      },
    })
}
