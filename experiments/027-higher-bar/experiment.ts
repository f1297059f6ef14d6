/** 027-higher-bar: few texts from a cache beside a KL whose batch, rate and averaging are searched further. See README.md. */
import { none } from "@winnow/filter-none"
import { type Arm, arm, defineExperiment, taskText } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { sharpenedKl } from "@winnow/loss-sharpened-kl"
import { arithmetic, arithmeticOther, onText, type Setup } from "@winnow/setups"
import { alpaca } from "@winnow/task-alpaca"
import { codealpaca } from "@winnow/task-codealpaca"

/** Settings of a part. */
interface Part {
  /** Steps from the cache, in batches of 16. */
  readonly more: number
  readonly rates: ReadonlyArray<number>
  /** With an arm whose cache has all texts: on arithmetic such a cache takes longer than the baseline's training. */
  readonly whole: boolean
  /** Test prompts. */
  readonly prompts: number
  /** Measured seeds, and those of the search. */
  readonly seeds: ReadonlyArray<number>
  readonly searched: ReadonlyArray<number>
}

/** Sequences that an arm with the target live reads. */
const sequences = 6400

const bar = (name: string, setup: Setup, { more, whole, rates, prompts, seeds, searched }: Part) => {
  const shared = { filter: none(), loss: kl(), optimizer: { warmup: 25 } } as const
  const live = (batchSize: number) => arm({ ...shared, batchSize, steps: sequences / batchSize })
  const all = { ...shared, signals: { target: "hidden" } } as const
  const cached = { ...all, text: taskText(undefined, { first: 2000 }) }
  const others: Record<string, Arm<never>> = { whole: arm({ ...all, batchSize: 16, steps: more }) }
  return defineExperiment({
    name: `a higher bar, ${name}`,
    question: "Do few texts from a cache beat a KL whose batch goes down to 4 and whose weights may be averaged?",
    ...setup,
    measure: { ...setup.measure, prompts },
    arms: {
      "kl-4": live(4),
      "kl-8": live(8),
      "kl-16": live(16),
      few: arm({ ...cached, batchSize: 16, steps: more }),
      "few-8": arm({ ...cached, batchSize: 8, steps: 2 * more }),
      "few-sharpened": arm({ ...cached, batchSize: 16, steps: more, loss: sharpenedKl() }),
      ...(whole ? others : {}),
    },
    about: "few",
    against: ["kl-4", "kl-8", "kl-16"],
    primary: "greedy",
    seeds: [...seeds],
    sweep: {
      over: {
        "optimizer.learningRate": [...rates],
        "optimizer.schedule": ["cosine", "decay"],
        "optimizer.average": [0, 0.98],
      },
      by: "greedyAcceptance",
      prompts: 160,
      seeds: [...searched],
    },
    plugins: [none, kl, sharpenedKl],
  })
}

const numbers: Part = {
  ...{ more: 640, whole: false, rates: [1.5e-3, 3e-3, 6e-3, 1.2e-2], prompts: 400 },
  seeds: [71, 72, 73, 74, 75, 76, 77, 78, 79, 80],
  searched: [131, 132],
}
const words: Part = {
  ...{ more: 1000, whole: true, rates: [3e-3, 6e-3, 1.2e-2, 2.4e-2], prompts: 240 },
  seeds: [71, 72, 73, 74, 75],
  searched: [131, 132],
}

export default {
  arithmetic: bar("arithmetic", arithmetic, numbers),
  "arithmetic-other": bar("arithmetic, another target", arithmeticOther, numbers),
  alpaca: bar("Alpaca", onText(alpaca({}), 1000, 128), words),
  code: bar("CodeAlpaca", onText(codealpaca({}), 1000, 128), words),
}
