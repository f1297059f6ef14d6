/** 021-sharpened: does a target that is sharpened in training make a better draft for greedy decoding? See README.md. */
import { linear } from "@winnow/core"
import { none } from "@winnow/filter-none"
import { arm, defineExperiment } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { sharpenedKl } from "@winnow/loss-sharpened-kl"
import { arithmetic, arithmeticLarge, type Setup } from "@winnow/setups"

/** KL and three ways to sharpen its target, with the same steps on the same batches. */
const sharpened = (setup: Setup, steps: number, learningRates: ReadonlyArray<number>) => {
  const budget = {
    filter: none(),
    steps,
    batchSize: 16,
    optimizer: { warmup: Math.round(steps / 16) },
    signals: { target: "hidden" },
  } as const
  return defineExperiment({
    name: "sharpened KL",
    question: "Is a draft accepted more often in greedy decoding if its target is sharpened towards the end?",
    ...setup,
    arms: {
      kl: arm({ loss: kl(), ...budget }),
      "to-0-6": arm({ loss: sharpenedKl({ temperature: linear(1, 0.6, { start: 0.6 }) }), ...budget }),
      "to-0-3": arm({ loss: sharpenedKl(), ...budget }),
      "always-0-3": arm({ loss: sharpenedKl({ temperature: linear(0.3, 0.3) }), ...budget }),
    },
    about: "to-0-3",
    primary: "greedy",
    seeds: [1, 2, 3, 4, 5],
    sweep: {
      over: { "optimizer.learningRate": [...learningRates], "optimizer.schedule": ["constant", "cosine"] },
      by: "greedyAcceptance",
      prompts: 160,
      seeds: [101, 102, 103],
    },
    plugins: [none, kl, sharpenedKl],
  })
}

export default sharpened(arithmetic, 250, [3e-3, 6e-3, 1.2e-2, 2.4e-2])

/** For a machine with a GPU or many cores. */
export const large = sharpened(arithmeticLarge, 4000, [1e-3, 2e-3, 4e-3])
