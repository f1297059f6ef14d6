/** 022-recipe: does a sharpened target or its own text beat the best-tuned KL at equal seconds? See README.md. */
import { type LossUse, linear } from "@winnow/core"
import { none } from "@winnow/filter-none"
import { arm, defineExperiment, fresh, logUniform, randomPoints, uniform, written } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { late } from "@winnow/loss-late"
import { sharpenedKl } from "@winnow/loss-sharpened-kl"
import { llama } from "@winnow/model-llama"
import { arithmetic, arithmeticOther, gsm8kSmall, onText, type Setup } from "@winnow/setups"
import { alpaca } from "@winnow/task-alpaca"
import { arithmetic as arithmeticTask } from "@winnow/task-arithmetic"
import { codealpaca } from "@winnow/task-codealpaca"

const falling = (to: number) => sharpenedKl({ temperature: linear(1, to, { start: 0.6 }) })

const losses = {
  kl: kl(),
  sharpened: sharpenedKl(),
  "to-0-6": falling(0.6),
  "to-0-05": falling(0.05),
  "always-0-3": sharpenedKl({ temperature: linear(0.3, 0.3) }),
} satisfies Record<string, LossUse>

/** Settings of a part. */
interface Part {
  readonly steps: number
  /** All arms are tried at each rate with each schedule. */
  readonly rates: ReadonlyArray<number>
  readonly schedules: ReadonlyArray<"constant" | "cosine" | "decay">
  /** Losses on the task's text. */
  readonly onData: ReadonlyArray<keyof typeof losses>
  /** Losses on the target's greedy text. */
  readonly onGreedyText: ReadonlyArray<keyof typeof losses>
}

/**
 * Losses with as many steps on the same batches, whose cost is the same; some on text that the target writes; and KL on
 * the task's text with the FLOPs of the last of these, its target live as it reads less than a cache has.
 */
const recipe = (name: string, setup: Setup, { steps, rates, schedules, onData, onGreedyText }: Part) => {
  const shared = { filter: none(), batchSize: 16, optimizer: { warmup: Math.round(steps / 16) } } as const
  const budget = { ...shared, steps, signals: { target: "hidden" } } as const
  // Texts of half as many prompts as sequences are read.
  const text = written({ by: "target", prompts: steps * 8, maxNew: setup.measure.maxNew! })
  return defineExperiment({
    name: `recipe, ${name}`,
    question:
      "Does a target that is sharpened late, or the text that it writes, beat the best-tuned KL at the same cost?",
    ...setup,
    arms: {
      ...Object.fromEntries(onData.map((of) => [of, arm({ loss: losses[of], ...budget })])),
      ...Object.fromEntries(onGreedyText.map((of) => [`greedy-${of}`, arm({ loss: losses[of], text, ...budget })])),
      "kl-same-cost": arm({ loss: kl(), ...shared, steps: { computeOf: "greedy-sharpened" } }),
    },
    about: "sharpened",
    primary: "greedy",
    seeds: [31, 32, 33, 34, 35],
    sweep: {
      over: { "optimizer.learningRate": [...rates], "optimizer.schedule": [...schedules] },
      by: "greedyAcceptance",
      prompts: 160,
      seeds: [101, 102, 103],
    },
    plugins: [none, kl, sharpenedKl],
  })
}

const short: Part = {
  steps: 250,
  rates: [3e-3, 6e-3, 1.2e-2, 2.4e-2],
  schedules: ["constant", "cosine", "decay"],
  onData: ["kl", "sharpened", "to-0-6", "to-0-05", "always-0-3"],
  onGreedyText: ["kl", "sharpened"],
}
/** Without a constant rate, which is some points behind a cosine (results/010-distillspec, GSM8K). */
const long: Part = { ...short, steps: 1000, rates: [3e-3, 6e-3, 1.2e-2], schedules: ["cosine", "decay"] }
const onWords: Part = {
  ...short,
  rates: [6e-3, 1.2e-2, 2.4e-2],
  schedules: ["cosine", "decay"],
  onData: ["kl", "sharpened", "to-0-6", "always-0-3"],
  onGreedyText: ["sharpened"],
}

/** One to three steps with numbers to 99: a target of twice the width. */
const harder: Setup = {
  ...arithmetic,
  task: arithmeticTask({ maxSteps: 3, largest: 99 }),
  maxLength: 192,
  target: fresh(
    llama({
      vocab_size: 768,
      hidden_size: 256,
      num_hidden_layers: 3,
      num_attention_heads: 8,
      max_position_embeddings: 256,
    }),
    {
      steps: 1300,
      batchSize: 16,
      optimizer: { learningRate: 3e-3, warmup: 40, schedule: "cosine" },
      precision: "bfloat16",
    },
  ),
  measure: { ...arithmetic.measure, maxNew: 112 },
}

/** Losses that aim at greedy decoding, each with settings of its own that are drawn; as many draws for each. */
const screening = (() => {
  const { steps } = short
  const budget = { filter: none(), steps, batchSize: 16, optimizer: { warmup: Math.round(steps / 16) } } as const
  const of = (loss: LossUse) => arm({ loss, ...budget, signals: { target: "hidden" } })
  return defineExperiment({
    name: "recipe, screening",
    question:
      "Does a loss on the target's greedy token, late in the training, beat the best-tuned KL in as many steps?",
    ...arithmetic,
    arms: { kl: of(kl()), sharpened: of(sharpenedKl()), late: of(late()) },
    about: "late",
    primary: "greedy",
    seeds: [41, 42, 43, 44, 45],
    sweep: {
      over: {
        "optimizer.learningRate": logUniform(3e-3, 3e-2),
        "optimizer.schedule": ["cosine", "decay"],
        "loss.temperature.start": uniform(0.3, 0.9),
        "loss.temperature.to": logUniform(0.05, 0.8),
        "loss.share.start": uniform(0.3, 0.9),
        "loss.share.to": uniform(0.3, 1),
      },
      method: randomPoints({ draws: 12, seed: 22 }),
      by: "greedyAcceptance",
      prompts: 160,
      seeds: [111, 112],
    },
    plugins: [none, kl, sharpenedKl, late],
  })
})()

export default {
  arithmetic: recipe("arithmetic", arithmetic, short),
  "arithmetic-long": recipe("arithmetic, 1000 steps", arithmetic, long),
  "arithmetic-other": recipe("arithmetic, another target", arithmeticOther, short),
  "arithmetic-harder": recipe("harder arithmetic", harder, short),
  gsm8k: recipe("GSM8K", gsm8kSmall, onWords),
  alpaca: recipe("Alpaca", onText(alpaca({}), 1000, 128), onWords),
  code: recipe("CodeAlpaca", onText(codealpaca({}), 1000, 128), onWords),
  screening,
}
