/** An experiment of encoders for tests: masked letters, learnt from the text or from a target; nothing is decoded. */
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { accuracy } from "@winnow/measure-accuracy"
import { agreement } from "@winnow/measure-agreement"
import { masked } from "@winnow/objective-masked"
import { bothWays } from "@winnow/testing"
import { arm, byte, defineExperiment, fresh } from "../src/index.ts"
import { echo, everything } from "./tiny.ts"

/** The id behind those of byte(): no text has it. */
const maskId = 257
/** Sizes of a model whose vocabulary is that of byte(), rounded up. */
export const sizesOf = (width: number) => ({ vocab_size: 320, width, depth: 1, heads: 2, length: 32, std: 0.1 })
const encoder = (width: number) => bothWays(sizesOf(width))

const objective = masked({ maskId, rate: 0.3 })
const training = { steps: 80, batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 }, objective }

export const maskedExperiment = defineExperiment({
  name: "masked",
  question: "Does an encoder learn more of masked letters from a target than from the text?",
  task: echo(),
  tokenizer: byte(),
  maxLength: 16,
  target: fresh(encoder(32), training),
  draft: { start: fresh(encoder(8)) },
  arms: {
    text: arm({ filter: everything(), loss: crossEntropy(), ...training, steps: 40 }),
    target: arm({ filter: everything(), loss: kl(), ...training }),
  },
  about: "target",
  seeds: [1, 2, 3],
  measures: [accuracy({ objective }), agreement({ objective })],
  measure: { prompts: 12 },
  plugins: [bothWays, everything],
})
