/** 020-heads: heads on a frozen target beside a separate draft. README.md has the question and the prediction. */
import { none } from "@winnow/filter-none"
import { eagle } from "@winnow/head-eagle"
import { exit } from "@winnow/head-exit"
import { hydra } from "@winnow/head-hydra"
import { medusa } from "@winnow/head-medusa"
import { arm, defineExperiment, head } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { drift } from "@winnow/measure-drift"
import { nextToken } from "@winnow/objective-next-token"
import { arithmetic, gsm8kSmall, type Setup } from "@winnow/setups"
import { atOffset } from "./at-offset.ts"
import { bigram, unigram } from "./floors.ts"

/** Tokens of a proposal: gamma of the reported figures. */
const heads = 4

/**
 * One arm a head, with equal steps, and the separate draft with equal steps and with more.
 *
 * @param seconds the steps in which the draft takes as long as eagle does in `steps`
 */
const besideDraft = (
  name: string,
  setup: Setup,
  steps: number,
  seconds: number,
  rates: readonly [usual: number, ...more: Array<number>],
) => {
  const shared = { filter: none(), loss: kl(), batchSize: 16 } as const
  const optimizer = (of: number) => ({ learningRate: rates[0], warmup: Math.round(of / 16) })
  const budget = (of: number) => ({ ...shared, steps: of, optimizer: optimizer(of) })
  const onTarget = (use: Parameters<typeof head>[0]) => arm({ start: head(use), ...budget(steps) })
  return defineExperiment({
    name: `heads, ${name}`,
    question:
      "Is a head on a frozen target accepted more often than a separate draft, and what does its training cost?",
    ...setup,
    arms: {
      draft: arm(budget(steps)),
      "draft-seconds": arm(budget(seconds)),
      medusa: onTarget(medusa({ heads, decay: 1 })),
      hydra: onTarget(hydra({ heads })),
      eagle: onTarget(eagle()),
      "eagle-feature": onTarget(eagle({ feature: 10 })),
      "eagle-steps": onTarget(eagle({ steps: 3 })),
      exit: onTarget(exit({ layers: 1, norm: true, rank: 32 })),
      unigram: onTarget(unigram({ heads })),
      bigram: onTarget(bigram({ heads })),
    },
    about: "eagle",
    primary: "greedy",
    seeds: [1, 2, 3, 4, 5],
    ...(rates.length > 1 && { sweep: { over: { "optimizer.learningRate": [...rates] }, prompts: 80 } }),
    plugins: [none, kl, medusa, hydra, eagle, exit, unigram, bigram],
  })
}

/** Offsets that are measured, and the entries of each head. */
const offsets = 3

/** Each head on the frozen target, and with a copy of the target that is trained along. */
const besideFull = () => {
  const heads = { medusa: medusa({ heads: offsets, vocabulary: "target" }), eagle: eagle({ steps: offsets }) }
  const budget = {
    ...{ filter: none(), loss: kl(), batchSize: 16, steps: 250 },
    optimizer: { learningRate: 3e-3, warmup: 16 },
  }
  const first = atOffset({ offset: 1 })
  return defineExperiment({
    name: "heads, full fine-tuning",
    question: "What does a head lose, at each offset, by leaving the target as it is, and what does that save?",
    ...arithmetic,
    draft: { start: head(heads.medusa) },
    arms: Object.fromEntries(
      Object.entries(heads).flatMap(([name, use]) => [
        [name, arm({ ...budget, start: head(use) })] as const,
        [`${name}-full`, arm({ ...budget, start: head(use, { trunk: "trained" }) })] as const,
      ]),
    ),
    about: "eagle",
    seeds: [1, 2, 3, 4, 5],
    sweep: { over: { "optimizer.learningRate": [3e-4, 1e-3, 3e-3, 1e-2] }, by: first, prompts: 80 },
    measures: [first, atOffset({ offset: 2 }), atOffset({ offset: 3 }), drift({ objective: nextToken() })],
    measure: { prompts: 200 },
    plugins: [none, kl, medusa, eagle, atOffset, drift],
  })
}

export default {
  arithmetic: besideDraft("arithmetic", arithmetic, 250, 300, [3e-3, 3e-4, 1e-3, 1e-2, 3e-2]),
  gsm8k: besideDraft("GSM8K", gsm8kSmall, 120, 144, [3e-3]),
  full: besideFull(),
}
