/** 003-top-bottom: does it matter which tokens a draft is trained on? README.md has the outcome. */
import { adaspec } from "@winnow/filter-adaspec"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { arm, controls, defineExperiment, distilled } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { arithmetic, arithmeticLarge, gsm8k, gsm8kLarge, type Setup } from "@winnow/setups"

const k = 0.4

/**
 * Every arm has the same optimizer steps on the same batches; the loss covers a share k of their tokens, chosen in four
 * ways.
 */
const topBottom = (name: string, setup: Setup, steps: number, learningRates: ReadonlyArray<number>) => {
  const warmup = Math.round(steps / 16)
  // The recipe of AdaSPEC's scripts: the selective draft's batches are 1 / k times those of its reference.
  const budget = { steps, batchSize: 40, optimizer: { warmup }, signals: { target: "hidden" } } as const
  const top = arm({
    filter: adaspec({ k }),
    loss: kl(),
    ...budget,
    signals: { target: "hidden", reference: "cached" },
  })
  return defineExperiment({
    name,
    question: "With the same steps, does it matter which 40 % of the tokens a draft is trained on?",
    ...setup,
    reference: distilled({ filter: none(), loss: kl(), ...budget, batchSize: 16 }),
    arms: {
      "all-tokens": arm({ filter: none(), loss: kl(), ...budget }),
      adaspec: top,
      ...controls("adaspec", top, { all: none(), random: random({ k }) }, { only: ["random", "bottom"] }),
    },
    about: "adaspec",
    seeds: [1, 2, 3, 4, 5],
    sweep: { over: { "optimizer.learningRate": [...learningRates] }, prompts: 160 },
    plugins: [none, random, adaspec, kl],
  })
}

export default {
  arithmetic: topBottom("top-bottom, arithmetic", arithmetic, 250, [1.5e-3, 3e-3, 6e-3, 1.2e-2]),
  gsm8k: topBottom("top-bottom, GSM8K", gsm8k, 400, [1.5e-3, 3e-3, 6e-3, 1.2e-2]),
}

/** For a machine with a GPU or many cores. */
export const large = {
  arithmetic: topBottom("top-bottom, arithmetic, large", arithmeticLarge, 4000, [1e-3, 2e-3, 4e-3]),
  gsm8k: topBottom("top-bottom, GSM8K, large", gsm8kLarge, 2000, [1e-3, 2e-3, 4e-3]),
}
