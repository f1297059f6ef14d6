/**
 * 004-compute-matched: AdaSPEC against all tokens at equal steps, passes and total compute. README.md has the outcome.
 */
import { adaspec } from "@winnow/filter-adaspec"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { arm, controls, defineExperiment, distilled } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { arithmetic, arithmeticLarge, gsm8k, gsm8kLarge, type Setup } from "@winnow/setups"

const k = 0.4

/** AdaSPEC as in its scripts, and all other possible sources of its gain beside its choice of tokens. */
const computeMatched = (name: string, setup: Setup, steps: number, learningRates: ReadonlyArray<number>) => {
  const warmup = Math.round(steps / 16)
  // The recipe of AdaSPEC's scripts: the selective draft's batches are 1 / k times those of its reference.
  const budget = { steps, batchSize: 40, optimizer: { warmup }, signals: { target: "hidden" } } as const
  const selective = arm({
    filter: adaspec({ k }),
    loss: kl(),
    ...budget,
    signals: { target: "hidden", reference: "cached" },
  })
  const { "all-equal-compute": equalCompute, ...others } = controls(
    "adaspec",
    selective,
    { all: none(), random: random({ k }) },
    {
      only: [
        "all-equal-compute",
        "all-equal-steps",
        "all-equal-passes",
        "random",
        "shuffled-reference",
        "from-reference",
      ],
    },
  )
  return defineExperiment({
    name,
    question: "Is AdaSPEC's choice of tokens worth what it costs, its reference included?",
    ...setup,
    reference: distilled({ filter: none(), loss: kl(), ...budget, batchSize: 16 }),
    // The strongest baseline first: all tokens with the same FLOPs.
    arms: { "all-equal-compute": equalCompute, adaspec: selective, ...others },
    capacity: arm({
      filter: none(),
      loss: kl(),
      ...budget,
      batchSize: 16,
      steps: 12 * steps,
      optimizer: { warmup, learningRate: learningRates[1]!, schedule: "cosine" },
    }),
    about: "adaspec",
    seeds: [1, 2, 3, 4, 5],
    sweep: { over: { "optimizer.learningRate": [...learningRates] }, prompts: 160 },
    plugins: [none, random, adaspec, kl],
  })
}

export default {
  arithmetic: computeMatched("compute-matched, arithmetic", arithmetic, 250, [1.5e-3, 3e-3, 6e-3, 1.2e-2]),
  gsm8k: computeMatched("compute-matched, GSM8K", gsm8k, 400, [1.5e-3, 3e-3, 6e-3, 1.2e-2]),
}

/** For a machine with a GPU or many cores. */
export const large = {
  arithmetic: computeMatched("compute-matched, arithmetic, large", arithmeticLarge, 4000, [1e-3, 2e-3, 4e-3]),
  gsm8k: computeMatched("compute-matched, GSM8K, large", gsm8kLarge, 2000, [1e-3, 2e-3, 4e-3]),
}
