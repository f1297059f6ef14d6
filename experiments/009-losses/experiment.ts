/** 009-losses: which divergence makes the draft that the target accepts most? README.md says what came out. */
import { none } from "@winnow/filter-none"
import { arm, defineExperiment, fresh } from "@winnow/lab"
import { jsd } from "@winnow/loss-jsd"
import { kl } from "@winnow/loss-kl"
import { lk } from "@winnow/loss-lk"
import { negLogAcceptance } from "@winnow/loss-neg-log-acceptance"
import { reverseKl } from "@winnow/loss-reverse-kl"
import { skewedKl } from "@winnow/loss-skewed-kl"
import { tvd } from "@winnow/loss-tvd"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { arithmetic, arithmeticLarge, type Setup } from "@winnow/setups"

/** Every loss on all tokens, with the same steps on the same batches, from one start a seed. */
const losses = (name: string, setup: Setup, steps: number, learningRates: ReadonlyArray<number>) => {
  const budget = {
    filter: none(),
    steps,
    batchSize: 16,
    optimizer: { warmup: Math.round(steps / 16) },
    signals: { target: "hidden" },
  } as const
  return defineExperiment({
    name: `losses, ${name}`,
    question: "Does a loss that is the acceptance itself make a draft that is accepted more often than KL does?",
    ...setup,
    arms: {
      kl: arm({ loss: kl(), ...budget }),
      "reverse-kl": arm({ loss: reverseKl(), ...budget }),
      jsd: arm({ loss: jsd(), ...budget }),
      "skewed-kl": arm({ loss: skewedKl(), ...budget }),
      tvd: arm({ loss: tvd(), ...budget }),
      "tvd-plus-plus": arm({ loss: tvdPlusPlus(), ...budget }),
      "tvd-plus-plus-sampled": arm({ loss: tvdPlusPlus({ expectation: "sampled" }), ...budget }),
      "tvd-plus-plus-uniform": arm({ loss: tvdPlusPlus({ expectation: "uniform" }), ...budget }),
      "neg-log-acceptance": arm({ loss: negLogAcceptance(), ...budget }),
      lk: arm({ loss: lk(), ...budget }),
    },
    about: "lk",
    primary: "expected",
    seeds: [1, 2, 3, 4, 5],
    sweep: {
      over: { "optimizer.learningRate": [...learningRates], "optimizer.schedule": ["constant", "cosine"] },
      by: "expectedAcceptance",
      prompts: 160,
    },
    plugins: [none, kl, reverseKl, jsd, skewedKl, tvd, tvdPlusPlus, negLogAcceptance, lk],
  })
}

/** The same set-up with drafts that have not been trained at all. */
const untrained = (setup: Setup): Setup => {
  const { start } = setup.draft
  const { model } = start as Extract<typeof start, { kind: "fresh" }>
  return { ...setup, draft: { start: fresh(model) } }
}

const rates = [1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2]

export default {
  warm: losses("warm start", arithmetic, 250, rates),
  cold: losses("cold start", untrained(arithmetic), 250, rates),
}

/** For a machine with a GPU or many cores. */
export const large = {
  warm: losses("warm start, large", arithmeticLarge, 4000, [1e-3, 2e-3, 4e-3]),
  cold: losses("cold start, large", untrained(arithmeticLarge), 4000, [1e-3, 2e-3, 4e-3]),
}
