/** An experiment in the form of its run: all defaults filled in, all options checked. */
import type { ExamplesUse, Family, FilterUse, LossUse, Masking, MeasureUse, ServiceUse, TaskUse } from "@winnow/core"
import type { SignalsOptions } from "@winnow/training"
import type { StudyUse } from "../study/study.ts"
import type { Scored } from "./scored.ts"
import type { measureSpec, referenceSpec, tokenizerSpec } from "./spec.ts"
import type { Stability } from "./stability.ts"
import type { OwnStart, ResolvedStart, targetStart } from "./start.ts"
import type { Sweep } from "./sweep.ts"
import type { Training } from "./training-spec.ts"

export type Measure = typeof measureSpec.infer
export type Tokenizing = typeof tokenizerSpec.infer
export type ResolvedTarget = typeof targetStart.infer
/** The drafts' start. Where scores choose it, `start` is the one of plans until their choice is known. */
export interface ResolvedDraft {
  readonly start: OwnStart
  readonly scored?: Scored
}
export type ResolvedReference = typeof referenceSpec.infer

/** How a reference is asked, where it attends both ways. */
export const maskingOf = (reference: ResolvedReference | undefined): Masking | undefined =>
  reference?.kind === "trained" ? reference.masking : undefined

/** The settings of a training stage: an arm whose steps are a number. */
export interface SettledArm extends Training {
  readonly name: string
  readonly filter: FilterUse<unknown>
  readonly loss: LossUse<unknown>
  /** The choice of examples that the training reads; all if left out. */
  readonly examples?: ExamplesUse
  /** The arm's own or the experiment's; only if the filter needs one, or the arm begins with it. */
  readonly reference: ResolvedReference | undefined
  /** A signal that no part of the arm reads is live. */
  readonly signals: SignalsOptions
}

export interface ResolvedArm extends Omit<SettledArm, "steps"> {
  readonly steps: number | { readonly computeOf: string }
  readonly start: ResolvedStart
  /** A target of its own; the experiment's if left out. */
  readonly target?: ResolvedTarget
  /** True if the filter reads a reference; false if the arm only begins with one. */
  readonly filterNeedsReference: boolean
  /** In the form of configs and keys. */
  readonly config: Record<string, unknown>
}

/** An arm in a form that may be trained, with its place. */
export interface PlacedArm {
  /** "arms.all", "arms.all at rate 0.003", "capacity". */
  readonly at: string
  readonly arm: ResolvedArm
}

/** An experiment that can be run. */
export interface Resolved {
  readonly name: string
  readonly question: string
  readonly task: TaskUse
  readonly tokenizer: Tokenizing
  readonly maxLength: number
  readonly target: ResolvedTarget
  readonly draft: ResolvedDraft
  readonly arms: ReadonlyArray<ResolvedArm>
  readonly seeds: ReadonlyArray<number>
  /** The arm that the run is about; undefined if none is named or selected and no arm qualifies. */
  readonly about: string | undefined
  /** The arms of which the baseline is one; none for the first arm. */
  readonly against: ReadonlyArray<string>
  readonly primary: "greedy" | "expected"
  /** The question about the drafts; undefined for a distillation, the default. */
  readonly study: StudyUse | undefined
  /** True if the run measures acceptance by the target: then every model decodes. */
  readonly acceptance: boolean
  /** Measures that are plugins. */
  readonly measures: ReadonlyArray<MeasureUse>
  readonly measure: Measure
  /** Services that filters and losses need, by the author's names. */
  readonly services: Readonly<Record<string, ServiceUse>>
  readonly sweep: Sweep | undefined
  /** The record of the tokens that filters keep; undefined for none. */
  readonly stability: Stability | undefined
  /** Its steps are a number. */
  readonly capacity: ResolvedArm | undefined
  /**
   * Every arm as written and at each point of the search, and the capacity run: the input of all checks before any
   * work.
   */
  readonly placed: ReadonlyArray<PlacedArm>
  /** The families of its own models and plugins. */
  readonly families: ReadonlyArray<Family>
  /** Everything above as plain JSON, for run.json. */
  readonly config: Record<string, unknown>
}
