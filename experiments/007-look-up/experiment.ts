/** 007-look-up: is a trained draft worth more than a look-up in the text? README.md has the outcome. */
import { none } from "@winnow/filter-none"
import { arm, defineExperiment, proposing } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { ngram } from "@winnow/proposer-ngram"
import { arithmetic, gsm8k, type Setup } from "@winnow/setups"

const question = "Does a distilled draft give more tokens a target call than prompt look-up, which is not trained?"

/** All tokens, forward KL. */
const lookUp = (setup: Setup, steps: number, warmup: number) =>
  defineExperiment({
    ...setup,
    name: "look-up",
    question,
    arms: {
      "all-tokens": arm({
        ...{ filter: none(), loss: kl() },
        ...{ steps, batchSize: 16, optimizer: { learningRate: 3e-3, warmup } },
      }),
    },
    study: proposing({ proposer: ngram() }),
    seeds: [1, 2, 3],
  })

export default { arithmetic: lookUp(arithmetic, 250, 20), gsm8k: lookUp(gsm8k, 800, 50) }
