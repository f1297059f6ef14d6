/** 026-few-texts: few texts, read often from a cache of the target, beside the best-tuned KL at equal seconds. See README.md. */
import { none } from "@winnow/filter-none"
import { type Arm, arm, defineExperiment, taskText } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { sharpenedKl } from "@winnow/loss-sharpened-kl"
import { arithmetic, arithmeticOther, gsm8kSmall, onText, type Setup } from "@winnow/setups"
import { alpaca } from "@winnow/task-alpaca"
import { codealpaca } from "@winnow/task-codealpaca"

/** Settings of a part. */
interface Part {
  /** Steps from the cache that take, with the cache, no more seconds than `steps` with the target live. */
  readonly more: number
  readonly rates: ReadonlyArray<number>
  /** Test prompts. */
  readonly prompts: number
  /** Measured seeds, and those of the search. */
  readonly seeds: ReadonlyArray<number>
  readonly searched: ReadonlyArray<number>
  /** With the arms that say how many texts, which batch and which loss. */
  readonly wide: boolean
}

/** Steps of KL with the target live, and sequences of a step. */
const [steps, batchSize] = [400, 16]

const recipe = (name: string, setup: Setup, { more, rates, prompts, seeds, searched, wide }: Part) => {
  const shared = { filter: none(), loss: kl(), batchSize, optimizer: { warmup: 25 } } as const
  const few = (first: number) => ({
    ...shared,
    text: taskText(undefined, { first }),
    signals: { target: "hidden" } as const,
  })
  const others: Record<string, Arm<never>> = {
    "kl-32": arm({ ...shared, batchSize: 32, steps: steps / 2 }),
    "few-500": arm({ ...few(500), steps: more }),
    "few-sharpened": arm({ ...few(2000), loss: sharpenedKl(), steps: more }),
  }
  return defineExperiment({
    name: `few texts, ${name}`,
    question: "Are few texts, read often from a cache of the target, ahead of the best-tuned KL in the same seconds?",
    ...setup,
    measure: { ...setup.measure, prompts },
    arms: {
      kl: arm({ ...shared, steps }),
      "kl-8": arm({ ...shared, batchSize: 8, steps: 2 * steps }),
      few: arm({ ...few(2000), steps: more }),
      "few-same-steps": arm({ ...few(2000), steps }),
      ...(wide ? others : {}),
    },
    about: "few",
    against: ["kl", "kl-8", ...(wide ? ["kl-32"] : [])],
    primary: "greedy",
    seeds: [...seeds],
    sweep: {
      over: { "optimizer.learningRate": [...rates], "optimizer.schedule": ["cosine", "decay"] },
      by: "greedyAcceptance",
      prompts: 160,
      seeds: [...searched],
    },
    plugins: [none, kl, sharpenedKl],
  })
}

const numbers: Part = {
  ...{ more: 640, rates: [3e-3, 6e-3, 1.2e-2, 2.4e-2], prompts: 400, wide: true },
  seeds: [61, 62, 63, 64, 65, 66, 67, 68, 69, 70],
  searched: [121, 122, 123],
}
const words: Part = {
  ...{ more: 1000, rates: [6e-3, 1.2e-2], prompts: 240, wide: false },
  seeds: [61, 62, 63, 64, 65],
  searched: [121, 122],
}

export default {
  arithmetic: recipe("arithmetic", arithmetic, numbers),
  "arithmetic-other": recipe("arithmetic, another target", arithmeticOther, numbers),
  gsm8k: recipe("GSM8K", gsm8kSmall, { ...words, prompts: 400 }),
  alpaca: recipe("Alpaca", onText(alpaca({}), 1000, 128), words),
  code: recipe("CodeAlpaca", onText(codealpaca({}), 1000, 128), words),
}
