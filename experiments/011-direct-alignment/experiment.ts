/** 011-direct-alignment: which phase of a draft's training is worth its cost? README.md says what came out. */
import type { LossUse } from "@winnow/core"
import { none } from "@winnow/filter-none"
import {
  type Arm,
  arm,
  artifactOf,
  defineExperiment,
  fresh,
  mixture,
  type PartText,
  plainText,
  type TextSpec,
  taskText,
  written,
  writtenAt,
} from "@winnow/lab"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { tvd } from "@winnow/loss-tvd"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { arithmetic, gsm8kLarge, type Setup } from "@winnow/setups"
import { alpaca } from "@winnow/task-alpaca"
import { arithmetic as problems } from "@winnow/task-arithmetic"
import { dialogsum } from "@winnow/task-dialogsum"

/** The sizes of the phases. */
interface Phases {
  /** Text of the task's language that is not the task's own, read without a border between prompt and answer. */
  readonly plain: PartText
  /** Steps of the target, the draft's pretraining, and the fine-tuning. */
  readonly steps: { readonly target: number; readonly pretraining: number; readonly fineTuning: number }
  readonly batchSize: number
  /** Seed prompts of the set that the target writes, once at each temperature. */
  readonly prompts: number
  readonly learningRates: ReadonlyArray<number>
}

type Fresh = Extract<Setup["target"], { readonly kind: "fresh" }>

/** The set-up with a target that knows the task and plain text, and a draft that has read plain text alone. */
const pretrained = (setup: Setup, { plain, steps, batchSize }: Phases): Setup => {
  const [target, draft] = [setup.target, setup.draft.start] as [Fresh, Fresh] // as the set-ups here have them
  const both = mixture({ task: { weight: 3, text: taskText() }, plain: { weight: 1, text: plain } })
  const optimizer = { learningRate: 3e-3, warmup: Math.round(steps.pretraining / 16), schedule: "cosine" } as const
  return {
    ...setup,
    target: fresh(target.model, { ...target.pretraining!, steps: steps.target, text: both }),
    draft: { start: fresh(draft.model, { steps: steps.pretraining, batchSize, optimizer, text: plain }) },
    measure: { ...setup.measure, gammas: [1, 3, 5, 8], gamma: 3 },
  }
}

/** The whole recipe with one loss, and the texts of its mixture. */
const recipeOf = (loss: LossUse, { plain, steps, batchSize, prompts }: Phases) => {
  const by = { by: "target", prompts } as const
  const nineToOne = (text: PartText, ofPlain: { readonly loss?: LossUse } = {}): TextSpec =>
    mixture({ written: { weight: 9, text }, plain: { weight: 1, text: plain, ...ofPlain } })
  const set = writtenAt([0, 0.3, 0.7, 1], by)
  const recipe = {
    filter: none(),
    loss,
    steps: steps.fineTuning,
    batchSize,
    // Without clipping AdamW hides the scale of a loss: arms differ in its direction alone.
    optimizer: { warmup: Math.round(steps.fineTuning / 16), clip: null },
    text: nineToOne(set),
  }
  return { recipe, set, nineToOne, by }
}

/** The whole recipe with one loss, and each part of it left out. */
const armsOf = (loss: LossUse, phases: Phases) => {
  const { plain } = phases
  const { recipe, set, nineToOne, by } = recipeOf(loss, phases)
  const untrained = { ...recipe, start: artifactOf("untrained") }
  const ofData = { ...recipe, text: nineToOne(taskText()) }
  const equal = { steps: { computeOf: "recipe" } } as const
  return {
    phases: {
      recipe: arm(recipe),
      "no-pretraining": arm(untrained),
      "no-target-text": arm(ofData),
      "no-probabilities": arm({ ...recipe, loss: crossEntropy() }),
      "no-plain-text": arm({ ...recipe, text: set }),
    },
    more: {
      "no-fine-tuning": arm({ ...recipe, loss: crossEntropy(), text: plain }),
      "no-pretraining-equal": arm({ ...untrained, ...equal }),
      "no-target-text-equal": arm({ ...ofData, ...equal }),
      "only-greedy": arm({ ...recipe, text: nineToOne(written(by)) }),
      "only-sampled": arm({ ...recipe, text: nineToOne(written({ ...by, temperature: 1, seed: 3 })) }),
      tvd: arm({ ...recipe, loss: tvd() }),
    },
  }
}

/** The share of plain text with the loss of the arm, with the next token's, and left out. */
const sharesOf = (loss: LossUse, phases: Phases) => {
  const { recipe, set, nineToOne } = recipeOf(loss, phases)
  const own = arm({ ...recipe, text: nineToOne(set, { loss: crossEntropy() }) })
  return { recipe: arm(recipe), own, without: arm({ ...recipe, text: set }) }
}

const shares = (phases: Phases) => {
  const [ofTvd, ofKl] = [sharesOf(tvdPlusPlus(), phases), sharesOf(kl(), phases)]
  return {
    recipe: ofTvd.recipe,
    "next-token-share": ofTvd.own,
    "no-plain-text": ofTvd.without,
    kl: ofKl.recipe,
    "kl-next-token-share": ofKl.own,
    "kl-no-plain-text": ofKl.without,
  }
}

const parts = (setup: Setup, phases: Phases) => {
  const experiment = (name: string, question: string, arms: Readonly<Record<string, Arm<never>>>, about: string) =>
    defineExperiment({
      name: `direct alignment, ${name}`,
      question,
      ...pretrained(setup, phases),
      arms,
      about,
      primary: "expected",
      seeds: [1, 2, 3, 4, 5],
      sweep: {
        over: { "optimizer.learningRate": [...phases.learningRates], "optimizer.schedule": ["constant", "cosine"] },
        by: "expectedAcceptance",
        prompts: 160,
      },
      plugins: [none, kl, tvd, tvdPlusPlus, crossEntropy],
    })
  const ofPhases =
    "Which phase of a draft's training is worth its cost: plain text, the target's text, its probabilities?"
  const ofTvd = armsOf(tvdPlusPlus(), phases)
  return {
    "tvd-plus-plus": experiment("TVD++", ofPhases, { ...ofTvd.phases, ...ofTvd.more }, "recipe"),
    kl: experiment("KL", ofPhases, armsOf(kl(), phases).phases, "recipe"),
    share: experiment(
      "the share of plain text",
      "Is the next token a better loss on the share of plain text than the divergence from the target?",
      shares(phases),
      "next-token-share",
    ),
  }
}

/** Problems of three and four steps: the task's have one or two. */
const longer = plainText(problems({ seed: 2, largest: 99, minSteps: 3, maxSteps: 4 }))

export default parts(arithmetic, {
  plain: longer,
  steps: { target: 1900, pretraining: 800, fineTuning: 400 },
  batchSize: 16,
  prompts: 1500,
  learningRates: [7.5e-4, 1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2],
})

const general = mixture({
  instructions: { weight: 1, text: plainText(alpaca({})) },
  dialogues: { weight: 1, text: plainText(dialogsum({})) },
})

/** For a machine with a GPU or many cores: word problems, and plain text of other kinds. */
export const large = parts(gsm8kLarge, {
  plain: general,
  steps: { target: 8000, pretraining: 4000, fineTuning: 2000 },
  batchSize: 32,
  prompts: 6500,
  learningRates: [1e-3, 2e-3, 4e-3, 8e-3],
})
