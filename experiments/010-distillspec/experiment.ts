/** 010-distillspec: the text and the divergence of a distillation, each with each. README.md says what came out. */
import type { LossUse } from "@winnow/core"
import { none } from "@winnow/filter-none"
import { arm, defineExperiment, mixture, type TextSpec, taskText, written } from "@winnow/lab"
import { jsd } from "@winnow/loss-jsd"
import { kl } from "@winnow/loss-kl"
import { reverseKl } from "@winnow/loss-reverse-kl"
import { tvd } from "@winnow/loss-tvd"
import { arithmetic, arithmeticLarge, gsm8kLarge, gsm8kSmall, type Setup } from "@winnow/setups"

const texts = {
  data: taskText(),
  greedy: written({ by: "target" }),
  sampled: written({ by: "target", temperature: 1 }),
  start: written({ by: "start", temperature: 1, keep: "all" }),
  mixed: mixture({
    data: { weight: 1, text: taskText() },
    sampled: { weight: 1, text: written({ by: "target", temperature: 1 }) },
  }),
} satisfies Record<string, TextSpec>

const losses = { kl: kl(), "reverse-kl": reverseKl(), jsd: jsd(), tvd: tvd() } satisfies Record<string, LossUse>

/** One arm for each text and each of some divergences, with the same steps. */
const grid = (
  name: string,
  setup: Setup,
  divergences: ReadonlyArray<keyof typeof losses>,
  steps: number,
  learningRates: ReadonlyArray<number>,
) => {
  const budget = {
    filter: none(),
    steps,
    batchSize: 16,
    optimizer: { warmup: Math.round(steps / 16) },
    signals: { target: "hidden" },
  } as const
  return defineExperiment({
    name: `DistillSpec, ${name}`,
    question:
      "Is a draft accepted more often if a model wrote the text that it is distilled on, and by which divergence?",
    ...setup,
    arms: Object.fromEntries(
      Object.entries(texts).flatMap(([text, spec]) =>
        divergences.map((loss) => [`${text}-${loss}`, arm({ loss: losses[loss], text: spec, ...budget })]),
      ),
    ),
    about: "sampled-kl",
    primary: "greedy",
    seeds: [1, 2, 3, 4, 5],
    sweep: {
      over: { "optimizer.learningRate": [...learningRates], "optimizer.schedule": ["constant", "cosine"] },
      prompts: 160,
    },
    plugins: [none, kl, reverseKl, jsd, tvd],
  })
}

/**
 * The draft's own text beside the others, with the same steps, and the data set's with the same compute.
 *
 * @param maxNew where the draft's text is cut: an answer of the task is shorter
 */
const onPolicy = (setup: Setup, steps: number, maxNew: number, learningRates: ReadonlyArray<number>) => {
  const ownText = written({ by: "draft", temperature: 1, maxNew })
  const half = mixture({ data: { weight: 1, text: taskText() }, own: { weight: 1, text: ownText } })
  const shared = { filter: none(), batchSize: 16, optimizer: { warmup: Math.round(steps / 16) } } as const
  const budget = { ...shared, steps } as const
  return defineExperiment({
    name: "DistillSpec, on-policy",
    question: "Is a draft accepted more often if it writes the text itself, between its steps?",
    ...setup,
    arms: {
      "data-kl": arm({ loss: kl(), text: texts.data, ...budget }),
      "data-kl-compute": arm({ loss: kl(), text: texts.data, ...shared, steps: { computeOf: "own-kl" } }),
      "sampled-kl": arm({ loss: kl(), text: texts.sampled, ...budget }),
      "half-kl": arm({ loss: kl(), text: half, ...budget }),
      "own-kl": arm({ loss: kl(), text: ownText, ...budget }),
      "own-reverse-kl": arm({ loss: reverseKl(), text: ownText, ...budget }),
      "own-jsd": arm({ loss: jsd(), text: ownText, ...budget }),
    },
    about: "own-kl",
    primary: "greedy",
    seeds: [1, 2, 3, 4, 5],
    sweep: {
      over: { "optimizer.learningRate": [...learningRates], "optimizer.schedule": ["constant", "cosine"] },
      prompts: 160,
    },
    plugins: [none, kl, reverseKl, jsd, tvd],
  })
}

export default {
  arithmetic: grid(
    "arithmetic",
    arithmetic,
    ["kl", "reverse-kl", "jsd", "tvd"],
    250,
    [1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2],
  ),
  gsm8k: grid("GSM8K", gsm8kSmall, ["kl", "tvd"], 250, [3e-3, 6e-3, 1.2e-2, 2.4e-2, 4.8e-2]),
  "on-policy": onPolicy(arithmetic, 250, 40, [3e-3, 6e-3, 1.2e-2]),
}

/** For a machine with a GPU or many cores. */
export const large = {
  arithmetic: grid("arithmetic, large", arithmeticLarge, ["kl", "reverse-kl", "jsd", "tvd"], 4000, [1e-3, 2e-3, 4e-3]),
  gsm8k: grid("GSM8K, large", gsm8kLarge, ["kl", "reverse-kl", "jsd", "tvd"], 4000, [1e-3, 2e-3, 4e-3]),
  "on-policy": onPolicy(arithmeticLarge, 4000, 120, [1e-3, 2e-3, 4e-3]),
}
