/** 010-distillspec: the text and the divergence of a distillation, each with each. README.md says what came out. */
import type { LossUse } from "@winnow/core"
import { none } from "@winnow/filter-none"
import { arm, defineExperiment, mixture, type TextSpec, taskText, written } from "@winnow/lab"
import { jsd } from "@winnow/loss-jsd"
import { kl } from "@winnow/loss-kl"
import { reverseKl } from "@winnow/loss-reverse-kl"
import { tvd } from "@winnow/loss-tvd"
import { arithmetic, gsm8k, type Setup } from "@winnow/setups"

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

/** One arm for each text and divergence, with the same steps. */
const grid = (name: string, setup: Setup, steps: number, learningRates: ReadonlyArray<number>) => {
  const budget = { filter: none(), steps, batchSize: 16, optimizer: { warmup: Math.round(steps / 16) } } as const
  return defineExperiment({
    name: `DistillSpec, ${name}`,
    question:
      "Is a draft accepted more often if a model wrote the text that it is distilled on, and by which divergence?",
    ...setup,
    arms: Object.fromEntries(
      Object.entries(texts).flatMap(([text, spec]) =>
        Object.entries(losses).map(([loss, use]) => [`${text}-${loss}`, arm({ loss: use, text: spec, ...budget })]),
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

export default {
  arithmetic: grid("arithmetic", arithmetic, 250, [1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2]),
  gsm8k: grid("GSM8K", gsm8k, 400, [3e-3, 6e-3, 1.2e-2]),
}
