/** `defineExperiment` and `arm`: a filter that needs a reference does not type-check without one. */
import type { ExamplesUse, FilterUse, LossUse, Reference, ServiceUse, Target, TaskUse } from "@winnow/core"
import type { StudyUse } from "../study/study.ts"
import type { ListedMeasure } from "./measures.ts"
import type { AnyPlugin } from "./registry.ts"
import type { ArmTraining, DraftSpec, MeasureSpec, ReferenceSpec, TokenizerSpec } from "./spec.ts"
import type { StabilitySpec } from "./stability.ts"
import type { TargetSpec } from "./start.ts"
import type { SweepSpec } from "./sweep.ts"

/** An arm. `Lacks` names the services that its plugins need and that neither the arm nor every experiment provides. */
export interface Arm<out Lacks = unknown> extends ArmTraining {
  readonly filter: FilterUse<unknown>
  readonly loss: LossUse<unknown>
  /** The choice of examples that the training reads, made once before its first step; all of them if left out. */
  readonly examples?: ExamplesUse
  readonly reference?: ReferenceSpec
  /** Type only. */
  readonly lacks?: Lacks
}

/** The missing services, given the target, and the reference if there is one. */
type Lack<R, Given> = Exclude<R, Target | (Given extends ReferenceSpec ? Reference : never)>

type NeededBy<X> = X extends ExamplesUse<infer R> ? R : never

/**
 * One filter, one loss, one budget, and possibly a choice of examples.
 *
 * @param spec.reference the model that the filter compares the draft to; the experiment's own if left out
 */
export const arm = <
  F,
  L,
  const Given extends ReferenceSpec | undefined = undefined,
  X extends ExamplesUse | undefined = undefined,
>(
  spec: ArmTraining & {
    readonly filter: FilterUse<F>
    readonly loss: LossUse<L>
    readonly examples?: X
    readonly reference?: Given & ReferenceSpec
  },
): Arm<Lack<F | L | NeededBy<X>, Given>> => spec as Arm<Lack<F | L | NeededBy<X>, Given>> // a choice that is left out is no field

/** An experiment in the form that its file exports. */
export interface Experiment {
  readonly name: string
  /** The question of the run, in one sentence. */
  readonly question: string
  readonly task: TaskUse
  readonly tokenizer: TokenizerSpec
  /** Tokens of a training sequence, the end included; longer examples are left out and counted. */
  readonly maxLength: number
  readonly target: TargetSpec
  readonly draft: DraftSpec
  readonly reference?: ReferenceSpec
  readonly arms: Readonly<Record<string, Arm>>
  /** A seed determines the initialisation, the order of the data and the draws of the filters. */
  readonly seeds: ReadonlyArray<number>
  /**
   * The arm that the run is about: its verdict comes first. If left out, the first arm that is no control and whose
   * filter reads a statistic; then the first arm whose loss differs from the baseline's.
   */
  readonly about?: string
  /**
   * The arm that it is compared to, the baseline; the first arm if left out. Of several arms, such as one method at several
   * batches, it is the one with the best score of the search.
   */
  readonly against?: string | ReadonlyArray<string>
  /** The acceptance of the verdict, "greedy" if left out; name it before the run. */
  readonly primary?: "greedy" | "expected"
  readonly measure?: MeasureSpec
  /** The question about the drafts, with additional stages and tables; a distillation if left out. */
  readonly study?: StudyUse
  /** Chooses settings of each arm and reference on the validation split, such as the learning rate, by one grid for all. */
  readonly sweep?: SweepSpec
  /**
   * Figures of each trained draft, on the measured split: "acceptance", the only measure if this is left out, and
   * plugins. Without "acceptance" no text is decoded, the verdict is of the first measure, and models may be encoders.
   */
  readonly measures?: ReadonlyArray<ListedMeasure>
  /**
   * Records which of a fixed set of tokens each filter keeps, at some steps of each arm. Tables and a chart compare the
   * choices of seeds, steps and arms.
   */
  readonly stability?: StabilitySpec
  /**
   * A long run on all tokens, with the first seed, and one with half its steps: they estimate the lowest KL of a draft
   * of this size.
   */
  readonly capacity?: Arm<never>
  /** The services that filters and losses need, such as a judge, under names of the author's choice. */
  readonly services?: Readonly<Record<string, ServiceUse>>
  /** Plugins that `--set` may name, beside the ones that the experiment already uses. */
  readonly plugins?: ReadonlyArray<AnyPlugin>
}

type LackOf<Arms> = { [K in keyof Arms]: Arms[K] extends Arm<infer L> ? L : never }[keyof Arms]

type ProvidedBy<Services> = {
  [K in keyof Services]: Services[K] extends ServiceUse<infer P> ? P : never
}[keyof Services]

/** The missing services; none if the arms are of any kind, which `resolve` checks. */
type Missing<Lacks, Services> = unknown extends Lacks ? never : Exclude<Lacks, Reference | ProvidedBy<Services>>

/**
 * Defines an experiment. If an arm's filter needs a reference that the arm lacks, the experiment must have one:
 * `reference` is then a required field. If a filter or loss needs a service, `services` must have one that provides it.
 */
export const defineExperiment = <
  const Arms extends Readonly<Record<string, Arm>>,
  const Services extends Readonly<Record<string, ServiceUse>> = Record<never, never>,
>(
  spec: Experiment & { readonly arms: Arms; readonly services?: Services } & (Reference extends LackOf<Arms>
      ? { readonly reference: ReferenceSpec }
      : unknown) &
    ([Missing<LackOf<Arms>, Services>] extends [never]
      ? unknown
      : { readonly services: { readonly missing: Missing<LackOf<Arms>, Services> } }),
): Experiment => spec
