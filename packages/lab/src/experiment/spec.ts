/** The parts of an experiment as its author writes them: typed values, checked again when they come from outside. */
import {
  brief,
  examplesUse,
  type FilterUse,
  filterUse,
  isUse,
  kindOf,
  type LossUse,
  later,
  lossUse,
  serviceUse,
  type Target,
  taskUse,
  temperature,
} from "@winnow/core"
import { type } from "arktype"
import { measuresSpec } from "./measures.ts"
import { different, natural, seed } from "./numbers.ts"
import { studyUse } from "./plugin-use.ts"
import { type ScoredSpec, scoredStart } from "./scored.ts"
import { hubForm, pathForm, type ShortForms } from "./short-forms.ts"
import { stabilitySpec } from "./stability.ts"
import {
  type ArmStartSpec,
  armStart,
  type DraftStartSpec,
  draftForms,
  modelForms,
  modelStart,
  referenceStart,
  type StartSpec,
  shortModels,
  type TargetSpec,
  targetStart,
} from "./start.ts"
import { seedsOf, sweepSpec } from "./sweep.ts"
import { type DistillingSpec, distillingFields, type TrainingSpec, trainingFields } from "./training-spec.ts"

/** How text that spells a special token is encoded: as text if left out. "ids" is for chat templates. */
const specialTokens = { "specialTokens?": "'text' | 'ids'" } as const

export const tokenizerSpec = later(() =>
  type({
    "+": "reject",
    ...specialTokens,
    kind: "'bpe'",
    vocabulary: "number.integer >= 257",
    // True if each digit is a token of its own, which helps models with arithmetic on large numbers.
    splitDigits: "boolean = true",
  })
    .or({ "+": "reject", ...specialTokens, kind: "'byte'" })
    .or({ "+": "reject", ...specialTokens, kind: "'file'", path: "string", "eos?": "string" }),
)

export const draftSpec = type({ "+": "reject", start: later(() => draftForms().or(scoredStart)) })

export const referenceSpec = later(() =>
  type({
    "+": "reject",
    kind: "'distilled'",
    filter: filterUse,
    loss: lossUse,
    // The weights that it begins with: the drafts' start if left out.
    "start?": referenceStart,
    ...distillingFields,
  })
    .or({
      "+": "reject",
      kind: "'trained'",
      // The weights that it begins with: the drafts' start if left out.
      "start?": referenceStart,
      // A model that attends both ways tells each token of a text from all others: it is masked with every so many-th one.
      "masking?": { "+": "reject", maskId: "number.integer >= 0", every: "number.integer >= 2 = 7" },
      ...trainingFields,
    })
    // The start as it was after so many steps of its own pretraining: the drafts' start if left out.
    .or({ "+": "reject", kind: "'earlier'", step: natural, "start?": modelStart })
    .or({ "+": "reject", kind: "'checkpoint'", every: natural })
    .or({ "+": "reject", kind: "'average'", decay: "0 < number < 1" })
    // A model with its own weights; no stage of the run trains it.
    .or(modelForms()),
)

/** The number of steps that costs as many FLOPs as that arm, its reference and caches included. */
const stepsOfCompute = type({ "+": "reject", computeOf: "string" })

export const armSpec = later(() =>
  type({
    "+": "reject",
    filter: filterUse,
    loss: lossUse,
    // The examples that the training reads; one choice holds for the whole training.
    "examples?": examplesUse,
    "reference?": referenceSpec,
    ...distillingFields,
    steps: type(natural).or(stepsOfCompute),
    // Another target than the experiment's, to distil from and to write text: measures stay those of the experiment's.
    "target?": targetStart,
    // The weights that the arm begins with: the drafts' start if left out.
    start: armStart.default(() => ({ kind: "draft" })),
  }),
)

export const measureSpec = later(() =>
  type({
    "+": "reject",
    // The split that measures read; training never reads it.
    split: "'validation' | 'test' = 'test'",
    // The number of prompts of the rollouts, from the split's beginning.
    prompts: "number.integer >= 2 = 100",
    // The largest number of tokens that the target writes after a prompt.
    maxNew: "number.integer >= 2 = 128",
    // Draft lengths of the curves of tau; 4 is a usual length.
    gammas: different(type("1 <= number.integer <= 4096").array().atLeastLength(1)).default(() => [1, 2, 4, 8]),
    // The draft length of the table.
    gamma: "1 <= number.integer <= 4096 = 4",
    // Temperature of the sampled rollouts; 1 is the target's own distribution.
    temperature: temperature.default(1),
    "topK?": natural,
    "topP?": "0 < number <= 1",
    // Prompts for the measured speed-up: the target decodes them one at a time, alone and with the draft.
    timedPrompts: "number.integer >= 1 = 12",
    seed: seed.default(0),
  }),
)

const armName = /^[a-z0-9][a-z0-9-]{0,39}$/
const armNames = "named in lower-case letters, digits and hyphens, at most 40 and no hyphen first"

/** The arms that `against` names; none if it is left out. */
export const againstOf = ({ against = [] }: { readonly against?: string | ReadonlyArray<string> }) =>
  typeof against === "string" ? [against] : against

export const experimentSpec = later(() =>
  type({
    "+": "reject",
    name: "string >= 1",
    question: "string >= 1",
    task: taskUse,
    tokenizer: tokenizerSpec,
    // Tokens of a training sequence, the end included. Encoding leaves out longer examples and counts them.
    maxLength: "number.integer >= 8",
    target: targetStart,
    draft: draftSpec,
    "reference?": referenceSpec,
    arms: type("Record<string, unknown>"),
    seeds: seed.array().atLeastLength(1),
    // The arm that the run is about; the verdict judges it.
    "about?": "string",
    // The arm that it is compared to, the baseline: the first arm if left out. Of several arms it is the one with the best score
    // of the search.
    "against?": type("string").or(type("string").array().atLeastLength(1)),
    // The kind of acceptance that the verdict reads; the other kind gets a conclusion beside it.
    "primary?": "'greedy' | 'expected'",
    measure: measureSpec.default(() => ({})),
    // Stages and tables beside those of a distillation: a ranking of the arms' starts.
    "study?": studyUse,
    // Chooses settings of each arm and reference on the validation split before the runs of the seeds.
    "sweep?": sweepSpec,
    // Figures of each trained draft: "acceptance" alone if left out; the first leads.
    "measures?": measuresSpec,
    // The record of the tokens that filters keep, and its tables.
    "stability?": stabilitySpec,
    // A long run on all tokens under the first seed: it shows the lowest KL that a draft of this size reaches.
    "capacity?": armSpec,
    // Services that filters and losses ask for.
    "services?": type({ "[string]": serviceUse }),
    "plugins?": "unknown[]",
  }).narrow((spec, ctx) => {
    const names = Object.keys(spec.arms)
    if (names.length === 0) return ctx.reject({ path: ["arms"], expected: "at least one arm", actual: "none" })
    if (Object.getPrototypeOf(spec.arms) !== Object.prototype)
      return ctx.reject({
        path: ["arms"],
        expected: "a plain object (no arm can be named __proto__)",
        actual: "another",
      })
    const odd = names.find((name) => !armName.test(name))
    if (odd !== undefined) return ctx.reject({ path: ["arms"], expected: armNames, actual: brief(odd, 60) })
    const taken = names.find((name) => /^(start|reference|capacity)( |$)/.test(name))
    if (taken !== undefined)
      return ctx.reject({
        path: ["arms"],
        expected: "not named start, reference or capacity: those rows are the lab's own",
        actual: brief(taken),
      })
    for (const [i, plugin] of (spec.plugins ?? []).entries())
      if (typeof plugin !== "function" || !("use" in plugin))
        return ctx.reject({
          path: ["plugins", i],
          expected: "a plugin, not called",
          actual: isUse(plugin) ? `${plugin.kind} ${plugin.name} with its options` : kindOf(plugin),
        })
    if (Array.isArray(spec.services))
      return ctx.reject({ path: ["services"], expected: "an object of services by name", actual: "a list" })
    if (spec.about !== undefined && !names.includes(spec.about))
      return ctx.reject({ path: ["about"], expected: `one of the arms: ${names.join(", ")}`, actual: spec.about })
    const against = againstOf(spec)
    const stranger = against.find((name) => !names.includes(name) || name === spec.about)
    if (stranger !== undefined)
      return ctx.reject({
        path: ["against"],
        expected: `arms other than the one that the run is about: ${names.filter((name) => name !== spec.about).join(", ")}`,
        actual: brief(stranger),
      })
    if (new Set(against).size < against.length)
      return ctx.reject({ path: ["against"], expected: "each arm once", actual: brief(against) })
    if (against.length > 1 && spec.sweep === undefined)
      return ctx.reject({
        path: ["against"],
        expected: "one arm, or a sweep, by whose scores the best of several is chosen",
        actual: brief(against),
      })
    if (new Set(spec.seeds).size < spec.seeds.length)
      return ctx.reject({ path: ["seeds"], expected: "all different", actual: brief(spec.seeds) })
    const both = spec.sweep && seedsOf(spec.sweep).find((seed) => spec.seeds.includes(seed))
    if (both !== undefined)
      return ctx.reject({
        path: ["sweep", spec.sweep?.seeds ? "seeds" : "seed"],
        expected: `none of the measured seeds ${brief(spec.seeds)}`,
        actual: brief(both),
      })
    return true
  }),
)

/** An arm's settings beside its filter, loss and reference. */
export interface ArmTraining extends Omit<DistillingSpec, "steps"> {
  /** Optimizer steps: a number, or the arm whose cost in FLOPs they match, its reference and caches included. */
  readonly steps: number | { readonly computeOf: string }
  /** The weights that the arm begins with, the drafts' start if left out. */
  readonly start?: ArmStartSpec
  /** Another target than the experiment's, to distil from and to write text. Measures stay those of the experiment's. */
  readonly target?: TargetSpec
}

export type TokenizerSpec = typeof tokenizerSpec.inferIn
export type MeasureSpec = typeof measureSpec.inferIn
export type ReferenceSpec =
  | ({
      readonly kind: "distilled"
      readonly filter: FilterUse<Target>
      readonly loss: LossUse
      readonly start?: Exclude<ArmStartSpec, { readonly kind: "reference" | "arm" | "head" }>
    } & DistillingSpec)
  | ({
      readonly kind: "trained"
      /** Of a start that attends both ways: it tells a token from all others of the text, `every` of 7 if left out. */
      readonly masking?: { readonly maskId: number; readonly every?: number }
      readonly start?: Exclude<ArmStartSpec, { readonly kind: "reference" | "arm" | "head" }>
    } & TrainingSpec)
  | { readonly kind: "earlier"; readonly step: number; readonly start?: StartSpec }
  | { readonly kind: "checkpoint"; readonly every: number }
  | { readonly kind: "average"; readonly decay: number }
  | StartSpec
export interface DraftSpec {
  readonly start: DraftStartSpec | ScoredSpec
}

/** BPE trained on the task's own training text, to this many ids. */
export const bpe = (options: { readonly vocabulary: number; readonly splitDigits?: boolean }): TokenizerSpec => ({
  kind: "bpe",
  splitDigits: true,
  ...options,
})
/** One id for each byte, and one for the end. */
export const byte = (): TokenizerSpec => ({ kind: "byte" })
/** The short texts of `--set` for a tokenizer. */
export const shortTokenizers: ShortForms = {
  file: { form: "file:PATH", read: (path) => ({ kind: "file", path }) },
  path: pathForm((path) => ({ kind: "file", path })),
  hf: hubForm((path) => ({ kind: "file", path })),
  byte: { form: "byte", read: () => ({ kind: "byte" }) },
}

/** A number as the rest of a short text; a text that is none is left for the schema to refuse. */
const numberIn = (text: string): unknown => (text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text))
/** The short texts of `--set` for a reference. */
export const shortReferences: ShortForms = {
  ...shortModels,
  earlier: { form: "earlier:STEP", read: (step) => ({ kind: "earlier", step: numberIn(step) }) },
  checkpoint: { form: "checkpoint:EVERY", read: (every) => ({ kind: "checkpoint", every: numberIn(every) }) },
  average: { form: "average:DECAY", read: (decay) => ({ kind: "average", decay: numberIn(decay) }) },
}

/**
 * A folder with a `tokenizer.json`, a file of that format under any name, or a repository of a hub: "hf:owner/name".
 *
 * @param options.eos text of the token that ends a sequence, where `tokenizer_config.json` does not name it
 * @param options.specialTokens "ids" where the task's text spells special tokens on purpose, as a chat template does
 */
export const tokenizerFile = (
  path: string,
  options: { readonly eos?: string; readonly specialTokens?: "text" | "ids" } = {},
): TokenizerSpec => ({ kind: "file", path, ...options })

/**
 * AdaSPEC's reference: the draft's start, distilled on all tokens (`filter: none()`). Its training is an arm's training. An
 * arm with the same settings is the same artifact, and costs nothing more.
 */
export const distilled = (spec: Omit<Extract<ReferenceSpec, { kind: "distilled" }>, "kind">): ReferenceSpec => ({
  kind: "distilled",
  ...spec,
})
/**
 * FocusFinetune's and Rho-1's reference: the draft's start, trained on a text by cross-entropy; needs no target.
 *
 * @param spec.text the clean text; the experiment's own if left out
 * @param spec.masking of an encoder: each token is masked and told from both sides, for arms that predict the next token
 */
export const trained = (spec: Omit<Extract<ReferenceSpec, { kind: "trained" }>, "kind">): ReferenceSpec => ({
  kind: "trained",
  ...spec,
})
/**
 * An earlier checkpoint of the start: the model after the first steps of its pretraining. With all of them it is the start
 * itself. It is a by-product of the start's training and costs an arm nothing.
 *
 * @param spec.start of a pretraining; the drafts' start if left out
 */
export const earlier = (spec: Omit<Extract<ReferenceSpec, { kind: "earlier" }>, "kind">): ReferenceSpec => ({
  kind: "earlier",
  ...spec,
})
/** The draft itself as it was at the last multiple of `every` steps of the arm. */
export const checkpoint = (options: { readonly every: number }): ReferenceSpec => ({ kind: "checkpoint", ...options })
/** An exponential moving average of the draft, over the arm's steps. */
export const ema = (options: { readonly decay: number }): ReferenceSpec => ({ kind: "average", ...options })
