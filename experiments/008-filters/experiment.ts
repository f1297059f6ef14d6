/** 008-filters: every rule of token selection against chance and against all tokens. README.md says what came out. */
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
import { arm, defineExperiment, distilled } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { arithmetic, arithmeticLarge, type Setup } from "@winnow/setups"
import { encoderJudge } from "./judge.ts"

/** Every filter at one keep ratio, with the same steps on the same batches. */
const filters = (k: number, setup: Setup, steps: number, learningRates: ReadonlyArray<number>) => {
  const budget = { loss: kl(), steps, batchSize: 40, optimizer: { warmup: Math.round(steps / 16) } } as const
  const signals = { target: "hidden" } as const
  return defineExperiment({
    name: `filters, k = ${k}`,
    question: "Does any rule choose tokens that are worth more than tokens chosen by chance?",
    ...setup,
    reference: distilled({ filter: none(), ...budget, signals, batchSize: 16 }),
    arms: {
      random: arm({ filter: random({ k }), ...budget, signals }),
      "all-tokens": arm({ filter: none(), ...budget, signals }),
      adaspec: arm({ filter: adaspec({ k }), ...budget, signals: { ...signals, reference: "cached" } }),
      "focus-finetune": arm({ filter: focusFinetune({ k }), ...budget, signals: { ...signals, reference: "cached" } }),
      "excess-cross-entropy": arm({ filter: excessCrossEntropy({ k }), ...budget, signals }),
      "raw-loss": arm({ filter: rawLoss({ k }), ...budget, signals }),
      "draft-entropy": arm({ filter: draftEntropy({ k }), ...budget, signals }),
      "target-entropy": arm({ filter: targetEntropy({ k }), ...budget, signals }),
      hellinger: arm({ filter: hellinger({ k, adaptive: false }), ...budget, signals }),
      "soft-or": arm({ filter: softOr({ k }), ...budget, signals }),
      boundary: arm({ filter: boundary({ k }), ...budget, signals }),
      unbiased: arm({ filter: unbiased({ k }), ...budget, signals }),
      "verify-weight": arm({ filter: verifyWeight({}), ...budget, signals }),
      "block-weight": arm({ filter: blockWeight({}), ...budget, signals }),
    },
    about: "adaspec",
    primary: "greedy",
    seeds: [1, 2, 3, 4, 5],
    sweep: {
      over: { "optimizer.learningRate": [...learningRates], "optimizer.schedule": ["constant", "cosine"] },
      prompts: 160,
    },
    plugins: [
      none,
      random,
      adaspec,
      focusFinetune,
      excessCrossEntropy,
      rawLoss,
      draftEntropy,
      targetEntropy,
      hellinger,
      softOr,
      boundary,
      unbiased,
      verifyWeight,
      blockWeight,
      kl,
    ],
  })
}

/** A judge of two layers: it reads both sides of a token, which the draft never does. */
const judgeOf = (
  { task, maxLength }: Setup,
  of: { readonly vocabulary: number; readonly splitDigits?: boolean; readonly steps: number; readonly width: number },
) => encoderJudge({ task, maxLength, layers: 2, ...of })

/**
 * `future-gap` asks a judge, which makes it a part of its own: the arms of the other parts have other keys than theirs
 * only where they differ. `focus-finetune` is the same rule without the gap.
 */
const futureGaps = (
  ks: ReadonlyArray<number>,
  setup: Setup,
  steps: number,
  learningRates: ReadonlyArray<number>,
  judge: ReturnType<typeof judgeOf>,
) => {
  const budget = { loss: kl(), steps, batchSize: 40, optimizer: { warmup: Math.round(steps / 16) } } as const
  const signals = { target: "hidden" } as const
  const cached = { ...signals, reference: "cached" } as const
  const at = (k: number) => {
    const name = String(k).replace(".", "-")
    return {
      [`random-${name}`]: arm({ filter: random({ k }), ...budget, signals }),
      [`focus-finetune-${name}`]: arm({ filter: focusFinetune({ k }), ...budget, signals: cached }),
      [`future-gap-${name}`]: arm({ filter: futureGap({ k }), ...budget, signals: cached }),
    }
  }
  return defineExperiment({
    name: "filters, future-gap",
    question: "Does it help to skip the tokens that only their future tells?",
    ...setup,
    reference: distilled({ filter: none(), ...budget, signals, batchSize: 16 }),
    services: { judge },
    arms: {
      "all-tokens": arm({ filter: none(), ...budget, signals }),
      ...(Object.assign({}, ...ks.map(at)) as ReturnType<typeof at>),
    },
    about: "future-gap-0-4",
    primary: "greedy",
    seeds: [1, 2, 3, 4, 5],
    sweep: {
      over: { "optimizer.learningRate": [...learningRates], "optimizer.schedule": ["constant", "cosine"] },
      prompts: 160,
    },
    plugins: [none, random, focusFinetune, futureGap, kl],
  })
}

const rates = [1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2]
const ks = [0.2, 0.4, 0.6]

export default {
  "k-0.2": filters(0.2, arithmetic, 250, rates),
  "k-0.4": filters(0.4, arithmetic, 250, rates),
  "k-0.6": filters(0.6, arithmetic, 250, rates),
  "future-gap": futureGaps(ks, arithmetic, 250, rates, judgeOf(arithmetic, { vocabulary: 768, steps: 600, width: 64 })),
}

/** For a machine with a GPU or many cores. */
export const large = {
  "k-0.2": filters(0.2, arithmeticLarge, 4000, [1e-3, 2e-3, 4e-3]),
  "k-0.4": filters(0.4, arithmeticLarge, 4000, [1e-3, 2e-3, 4e-3]),
  "k-0.6": filters(0.6, arithmeticLarge, 4000, [1e-3, 2e-3, 4e-3]),
  "future-gap": futureGaps(
    ks,
    arithmeticLarge,
    4000,
    [1e-3, 2e-3, 4e-3],
    judgeOf(arithmeticLarge, { vocabulary: 2048, splitDigits: true, steps: 8000, width: 256 }),
  ),
}
