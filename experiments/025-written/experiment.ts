/** 025-written: does the target's own greedy text beat the best-tuned KL at equal cost, its writing counted? See README.md. */
import { type LossUse, linear } from "@winnow/core"
import { none } from "@winnow/filter-none"
import { arm, defineExperiment, written } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { sharpenedKl } from "@winnow/loss-sharpened-kl"
import { arithmetic, arithmeticOther, gsm8kSmall, onText, type Setup } from "@winnow/setups"
import { alpaca } from "@winnow/task-alpaca"
import { codealpaca } from "@winnow/task-codealpaca"

/** Steps of the arms on written text, and the sequences of a step. */
const [steps, batchSize] = [250, 16]

const sharp = sharpenedKl({ temperature: linear(0.3, 0.3) })

/** Arms on the task's text have as many steps as make their FLOPs those of an arm on written text, its text included. */
const recipe = (name: string, setup: Setup, rates: ReadonlyArray<number>, prompts: number) => {
  const shared = { filter: none(), batchSize, optimizer: { warmup: 16 } } as const
  const onData = (loss: LossUse) => arm({ loss, ...shared, steps: { computeOf: "greedy-sharpened" } })
  // Each text is read twice.
  const text = written({ by: "target", prompts: (steps * batchSize) / 2, maxNew: setup.measure.maxNew! })
  const onWritten = (loss: LossUse) => arm({ loss, text, ...shared, steps })
  return defineExperiment({
    name: `written text, ${name}`,
    question: "Does the text that the target writes beat the best-tuned KL on the task's text at the same cost?",
    ...setup,
    measure: { ...setup.measure, prompts },
    arms: {
      kl: onData(kl()),
      sharp: onData(sharp),
      "greedy-kl": onWritten(kl()),
      "greedy-sharpened": onWritten(sharpenedKl()),
      "greedy-sharp": onWritten(sharp),
    },
    about: "greedy-sharpened",
    primary: "greedy",
    seeds: [51, 52, 53, 54, 55, 56, 57, 58, 59, 60],
    sweep: {
      over: { "optimizer.learningRate": [...rates], "optimizer.schedule": ["cosine", "decay"] },
      by: "greedyAcceptance",
      prompts: 160,
      seeds: [101, 102, 103],
    },
    plugins: [none, kl, sharpenedKl],
  })
}

const few = [6e-3, 1.2e-2]

export default {
  arithmetic: recipe("arithmetic", arithmetic, [3e-3, 6e-3, 1.2e-2, 2.4e-2], 400),
  "arithmetic-other": recipe("arithmetic, another target", arithmeticOther, [3e-3, 6e-3, 1.2e-2, 2.4e-2], 400),
  gsm8k: recipe("GSM8K", gsm8kSmall, few, 400),
  alpaca: recipe("Alpaca", onText(alpaca({}), 1000, 128), few, 250),
  code: recipe("CodeAlpaca", onText(codealpaca({}), 1000, 128), few, 250),
}
