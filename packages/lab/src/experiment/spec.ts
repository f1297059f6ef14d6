/** The parts of an experiment as its author writes them: typed values, checked again when they come from outside. */
import {
  brief,
  cut,
  type FilterUse,
  kindOf,
  type LossUse,
  type ModelUse,
  type PluginKind,
  positiveFloat32,
  type Reference,
  type Target,
  type TaskUse,
  temperature,
  type Use,
} from "@winnow/core"
import type { Precision } from "@winnow/tensor"
import { type OptimizerInput, optimizerOptions, type SignalsInput, signalsOptions } from "@winnow/training"
import { type } from "arktype"
import { isUse } from "./registry.ts"

/** A plugin with options, of one kind, whatever it requires. */
const use = <K extends PluginKind, U extends Use<K, unknown, unknown, unknown>>(kind: K) =>
  type("object").narrow((value, ctx): value is U => {
    const found = value as Partial<Use<PluginKind, unknown>>
    if (isUse(value) && found.kind === kind) return true
    const expected = `a ${kind} plugin with its options`
    if (typeof value === "function" && found.kind === kind) {
      const { plugin } = value as { readonly plugin?: unknown }
      return ctx.reject({
        expected: `${expected}: call it, ${cut(String(plugin), 64)}({ ... })`,
        actual: "the plugin itself",
      })
    }
    return ctx.reject({ expected, actual: isUse(value) ? `a ${value.kind}` : kindOf(value) })
  })

export const filterUse = use<"filter", FilterUse<Reference | Target>>("filter")
export const lossUse = use<"loss", LossUse<Target>>("loss")
export const modelUse = use<"model", ModelUse>("model")
export const taskUse = use<"task", TaskUse>("task")

const natural = "number.integer >= 1"

/** Beyond 2^53 two seeds would be one. */
const seed = type("number.integer").narrow(
  (n, ctx) =>
    Number.isSafeInteger(n) || ctx.reject({ expected: "an integer between -2^53 and 2^53", actual: brief(n) }),
)

/** Steps, batch and optimizer: what every training stage is told. */
const trainingFields = {
  steps: natural,
  batchSize: natural,
  // Batches summed into one step; a filter decides within each.
  microBatches: "number.integer >= 1 = 1",
  optimizer: optimizerOptions.default(() => ({})),
  // How matrix products round their operands: bfloat16 is quicker where the processor has it, and needs saying in a paper.
  precision: "'float32' | 'bfloat16' = 'float32'",
} as const

export const trainingSpec = type({ "+": "reject", ...trainingFields })

/** Fields of the stages that distil: these read frozen models, live or from a cache. */
const distillingFields = { ...trainingFields, signals: signalsOptions.default(() => ({})) } as const

/** How text that spells a special token is encoded: as text if left out. "ids" is for chat templates. */
const specialTokens = { "specialTokens?": "'text' | 'ids'" } as const

export const tokenizerSpec = type({
  "+": "reject",
  ...specialTokens,
  kind: "'bpe'",
  vocabulary: "number.integer >= 257",
  // True if a digit is always a token of its own, as models that calculate with large numbers want it.
  splitDigits: "boolean = true",
})
  .or({ "+": "reject", ...specialTokens, kind: "'byte'" })
  .or({ "+": "reject", ...specialTokens, kind: "'file'", path: "string", "eos?": "string" })

export const targetSpec = type({
  "+": "reject",
  kind: "'trained'",
  model: modelUse,
  // One target for all seeds: it is what the drafts are judged by, not what is compared.
  seed: seed.default(0),
  ...trainingFields,
}).or({ "+": "reject", kind: "'pretrained'", path: "string" })

export const draftSpec = type({ "+": "reject", model: modelUse, pretraining: trainingSpec })

export const referenceSpec = type({
  "+": "reject",
  kind: "'distilled'",
  filter: filterUse,
  loss: lossUse,
  ...distillingFields,
})
  .or({
    "+": "reject",
    kind: "'clean-text'",
    // The text, if it is not that of the experiment; in the experiment's tokens.
    "task?": taskUse,
    ...trainingFields,
  })
  .or({ "+": "reject", kind: "'checkpoint'", every: natural })
  .or({ "+": "reject", kind: "'average'", decay: "0 < number < 1" })

/** As many steps as cost what that arm costs in all: FLOPs, its reference and caches included. */
const stepsOfCompute = type({ "+": "reject", computeOf: "string" })

export const armSpec = type({
  "+": "reject",
  filter: filterUse,
  loss: lossUse,
  "reference?": referenceSpec,
  ...distillingFields,
  steps: type(natural).or(stepsOfCompute),
  // The weights that the arm begins with: the draft's start, or the reference as it was trained from there.
  from: "'start' | 'reference' = 'start'",
  // A placebo: the reference's figures go to other tokens of the micro-batch, so the filter reads the same numbers in the wrong places.
  shuffleReference: "boolean = false",
})

export const tuningSpec = type({
  "+": "reject",
  // The rates that every arm and every reference is tried with; the search is of equal size for all.
  learningRates: positiveFloat32
    .array()
    .atLeastLength(2)
    .narrow(
      (rates, ctx) =>
        new Set(rates).size === rates.length || ctx.reject({ expected: "all different", actual: brief(rates) }),
    ),
  // A start, an order of the data and draws that no measured seed has.
  seed: seed.default(0),
  // Prompts of the validation split, the first of it, on which the rates are judged by greedy acceptance.
  prompts: "number.integer >= 2 = 100",
})

export const measureSpec = type({
  "+": "reject",
  // The split that is measured on; never the one that is trained on.
  split: "'validation' | 'test' = 'test'",
  // Prompts of the rollouts, the first of the split.
  prompts: "number.integer >= 2 = 100",
  // Tokens that the target may write.
  maxNew: "number.integer >= 2 = 128",
  // Draft lengths of the curves of tau; 4 is a usual one.
  gammas: type("1 <= number.integer <= 4096")
    .array()
    .atLeastLength(1)
    .default(() => [1, 2, 4, 8]),
  // The draft length of the table.
  gamma: "1 <= number.integer <= 4096 = 4",
  // Of the sampled rollouts: the target's own distribution.
  temperature: temperature.default(1),
  "topK?": natural,
  "topP?": "0 < number <= 1",
  // Prompts decoded for real, one at a time, by the target alone and with the draft: the speed-up.
  timedPrompts: "number.integer >= 1 = 12",
  seed: seed.default(0),
})

const armName = /^[a-z0-9][a-z0-9-]{0,39}$/
const armNames = "named in lower-case letters, digits and hyphens, at most 40 and no hyphen first"

export const experimentSpec = type({
  "+": "reject",
  name: "string >= 1",
  question: "string >= 1",
  task: taskUse,
  tokenizer: tokenizerSpec,
  // Tokens of a training sequence, the end included; longer examples are left out and counted.
  maxLength: "number.integer >= 8",
  target: targetSpec,
  draft: draftSpec,
  "reference?": referenceSpec,
  arms: type("Record<string, unknown>"),
  seeds: seed.array().atLeastLength(1),
  // The arm that the run is about: the verdict is of it.
  "about?": "string",
  // The acceptance that the verdict is of; the other one is concluded from beside it.
  "primary?": "'greedy' | 'expected'",
  measure: measureSpec.default(() => ({})),
  // Chooses each arm's learning rate on the validation split before the seeds are run.
  "tuning?": tuningSpec,
  // A long run on all tokens, of the first seed: the KL that a draft of this size comes down to.
  "capacity?": armSpec,
  "plugins?": "unknown[]",
}).narrow((spec, ctx) => {
  const names = Object.keys(spec.arms)
  if (names.length === 0) return ctx.reject({ path: ["arms"], expected: "at least one arm" })
  if (Object.getPrototypeOf(spec.arms) !== Object.prototype)
    return ctx.reject({ path: ["arms"], expected: "a plain object (no arm can be named __proto__)", actual: "another" })
  const odd = names.find((name) => !armName.test(name))
  if (odd !== undefined) return ctx.reject({ path: ["arms"], expected: armNames, actual: brief(odd, 60) })
  const taken = names.find((name) => /^(start|reference|capacity)( |$)/.test(name))
  if (taken !== undefined)
    return ctx.reject({
      path: ["arms"],
      expected: "not named start, reference or capacity: those rows are the lab's own",
      actual: brief(taken),
    })
  if (spec.about !== undefined && !names.includes(spec.about))
    return ctx.reject({ path: ["about"], expected: `one of the arms: ${names.join(", ")}`, actual: spec.about })
  if (new Set(spec.seeds).size < spec.seeds.length)
    return ctx.reject({ path: ["seeds"], expected: "all different", actual: brief(spec.seeds) })
  if (spec.tuning && spec.seeds.includes(spec.tuning.seed))
    return ctx.reject({
      path: ["tuning", "seed"],
      expected: `none of the measured seeds ${brief(spec.seeds)}`,
      actual: brief(spec.tuning.seed),
    })
  return true
})

/** Steps, batch size and optimizer of a stage; the optimizer's defaults are those of `optimizerOptions`. */
export interface TrainingSpec {
  readonly steps: number
  readonly batchSize: number
  readonly microBatches?: number
  readonly optimizer?: OptimizerInput
  /** Of matrix products while training, float32 if left out; what is measured is measured in float32 in either case. */
  readonly precision?: Precision
}

/** The same for an arm and for a distilled reference, and where the signals of the frozen models come from. */
export interface DistillingSpec extends TrainingSpec {
  /** The models themselves if left out: "live". */
  readonly signals?: SignalsInput
}

/** An arm's settings beside its filter, loss and reference. */
export interface ArmTraining extends Omit<DistillingSpec, "steps"> {
  /** Optimizer steps, or as many as cost what another arm costs in all (FLOPs, its reference and caches included). */
  readonly steps: number | { readonly computeOf: string }
  /** The weights that the arm begins with, the draft's start if left out; "reference" needs one that is trained. */
  readonly from?: "start" | "reference"
  /** A placebo: the filter reads the reference's figures of other tokens of the micro-batch. */
  readonly shuffleReference?: boolean
}

export type TuningSpec = typeof tuningSpec.inferIn
export type TokenizerSpec = typeof tokenizerSpec.inferIn
export type MeasureSpec = typeof measureSpec.inferIn
export type TargetSpec =
  | ({ readonly kind: "trained"; readonly model: ModelUse; readonly seed?: number } & TrainingSpec)
  | { readonly kind: "pretrained"; readonly path: string }
export type ReferenceSpec =
  | ({ readonly kind: "distilled"; readonly filter: FilterUse<Target>; readonly loss: LossUse } & DistillingSpec)
  | ({ readonly kind: "clean-text"; readonly task?: TaskUse } & TrainingSpec)
  | { readonly kind: "checkpoint"; readonly every: number }
  | { readonly kind: "average"; readonly decay: number }
export interface DraftSpec {
  readonly model: ModelUse
  readonly pretraining: TrainingSpec
}

/** BPE trained on the task's own training text, to this many ids. */
export const bpe = (options: { readonly vocabulary: number; readonly splitDigits?: boolean }): TokenizerSpec => ({
  kind: "bpe",
  splitDigits: true,
  ...options,
})
/** One id a byte, and the end. */
export const byte = (): TokenizerSpec => ({ kind: "byte" })
/**
 * A folder that holds a `tokenizer.json`, or a file of that format by any name.
 *
 * @param options.eos text of the token that ends a sequence, where `tokenizer_config.json` does not name it
 * @param options.specialTokens "ids" where the task's text spells special tokens on purpose, as a chat template does
 */
export const tokenizerFile = (
  path: string,
  options: { readonly eos?: string; readonly specialTokens?: "text" | "ids" } = {},
): TokenizerSpec => ({ kind: "file", path, ...options })

/** A target trained here, on the task's text by cross-entropy. */
export const trained = (spec: Omit<Extract<TargetSpec, { kind: "trained" }>, "kind">): TargetSpec => ({
  kind: "trained",
  ...spec,
})
/** A target from a folder in Hugging Face format: config.json, model.safetensors. */
export const pretrained = (path: string): TargetSpec => ({ kind: "pretrained", path })

/**
 * AdaSPEC's reference: the draft's start, distilled on all tokens (`filter: none()`). Trained as an arm is, so an arm that
 * does the same is the same artifact, and costs nothing more.
 */
export const distilled = (
  spec: DistillingSpec & { readonly filter: FilterUse<Target>; readonly loss: LossUse },
): ReferenceSpec => ({ kind: "distilled", ...spec })
/**
 * FocusFinetune's and Rho-1's reference: the draft's start, trained on clean text by cross-entropy; needs no target.
 *
 * @param spec.task where the clean text is; the experiment's own task if left out
 */
export const cleanText = (spec: TrainingSpec & { readonly task?: TaskUse }): ReferenceSpec => ({
  kind: "clean-text",
  ...spec,
})
/** The draft itself as it was at the last multiple of `every` steps of the arm. */
export const checkpoint = (options: { readonly every: number }): ReferenceSpec => ({ kind: "checkpoint", ...options })
/** An exponential moving average of the draft, over the arm's steps. */
export const ema = (options: { readonly decay: number }): ReferenceSpec => ({ kind: "average", ...options })
