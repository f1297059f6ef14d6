/**
 * A study: the question of a run about its drafts, with additional stages, and with tables that come first in its
 * record.
 *
 * Every run trains and measures its arms by the same stages, store, launchers and statistics. An experiment without a
 * study is a distillation: its tables are acceptance, cost and differences. A study adds stages (a score of each start)
 * and reports their findings in tables of its own.
 */
import {
  type Architecture,
  type Attends,
  checkDefinition,
  definePlugin,
  type HeadUse,
  type InvalidInput,
  type MeasureUse,
  type Plugin,
  type ProposerUse,
  type UseWith,
} from "@winnow/core"
import type { TreeOption } from "@winnow/decoding"
import type { Type } from "arktype"
import { Effect } from "effect"
import type { MeasuresRecord } from "../record/measures-schema.ts"
import type { RunRecord } from "../record/schema.ts"
import type { Stage } from "../stage.ts"
import type { StudyTable } from "./table.ts"

/** One draft of the run, in the form that studies read. */
export interface StudyDraft {
  /** The arm's name. */
  readonly name: string
  readonly seed: number
  /** The models at the beginning and at the end of the arm. */
  readonly start: Stage
  readonly trained: Stage
  /** The head that these stages have in the place of a model. */
  readonly head?: HeadUse | undefined
  /** True if a copy of the target is trained with the head. */
  readonly movesTrunk?: boolean | undefined
}

/** The stages that a study may build on. */
export interface StudyContext {
  readonly drafts: ReadonlyArray<StudyDraft>
  readonly tokenizer: Stage
  readonly data: Stage
  readonly target: Stage
  /** The target's texts on the measured split. */
  readonly greedy: Stage
  readonly sampled: Stage
  /** The measurement of any model as a draft, at the run's settings, without a clock. */
  readonly measureOf: (label: string, draft: Stage) => Stage
  /** A measure of any model as a draft, on the measured texts. */
  readonly measureBy: (label: string, measure: MeasureUse, draft: Stage) => Effect.Effect<Stage, InvalidInput>
  /** The measurement of any model as a draft that proposes trees of a shape, with a clock. */
  readonly measureTree: (label: string, tree: TreeOption, draft: Stage) => Stage
  /** The measurement of an untrained proposer, at the run's gamma, with a clock. */
  readonly measureProposer: (label: string, proposer: ProposerUse) => Effect.Effect<Stage, InvalidInput>
}

/** A stage of the study, of one row under one seed. */
export interface StudyStage {
  readonly row: string
  readonly seed: number
  /** The kind of finding: "score". */
  readonly of: string
  /** Facts of the row that the study's report reads, known before any stage. */
  readonly facts?: Readonly<Record<string, string | number>>
  readonly stage: Stage
}

/** The summary of such a stage. */
export interface StudyFinding extends Omit<StudyStage, "stage"> {
  readonly summary: Readonly<Record<string, unknown>>
}

/** The study's words and tables. */
export interface StudyReport {
  /** One line. */
  readonly verdict: string
  readonly conclusions: ReadonlyArray<string>
  /** True if they stand in the place of comparisons of all pairs of arms, of which there are too many to read. */
  readonly alone?: boolean
  /** Lists and comparisons show the first table; the tables of the distillation follow in the record. */
  readonly tables: ReadonlyArray<StudyTable>
}

/** The part of a study that needs no training of an arm. */
export interface BeforeTraining {
  readonly reads: (stage: StudyStage) => boolean
  readonly report: (
    drafts: { readonly names: ReadonlyArray<string>; readonly seeds: ReadonlyArray<number> },
    findings: ReadonlyArray<StudyFinding>,
  ) => ReadonlyArray<StudyTable>
}

/** A study of drafts that a target judges. */
export interface AcceptanceStudy {
  readonly judged: "acceptance"
  readonly name: string
  readonly stages: (context: StudyContext) => Effect.Effect<ReadonlyArray<StudyStage>, InvalidInput>
  /** Left out: there is none. */
  readonly before?: BeforeTraining
  /** Runs the study's own plugins on small random problems. @error PluginFault (thrown) */
  readonly trial?: () => void
  /**
   * @param run the record of the drafts
   * @param findings of the stages that did not fail
   */
  readonly report: (run: RunRecord, findings: ReadonlyArray<StudyFinding>) => StudyReport
}

/** The measures of a run: for each column of its tables the attention that the measure asks for. */
export interface StudyMeasures {
  readonly attends: ReadonlyMap<string, Attends | undefined>
}

/** The stages that a study of a run without acceptance may build on. */
export interface MeasuresContext extends Pick<StudyContext, "drafts" | "tokenizer" | "data" | "target"> {
  readonly targetArchitecture: Architecture<Attends>
  /** The measured split, and the number of its first texts that are measured. */
  readonly measured: { readonly split: "validation" | "test"; readonly prompts: number }
  /** A measure of a draft or a head, on the measured texts. */
  readonly measureBy: (
    label: string,
    measure: MeasureUse,
    draft: Pick<StudyDraft, "trained" | "head">,
  ) => Effect.Effect<Stage, InvalidInput>
}

/** A study of a run without acceptance: tables of its own from the figures of the run's measures. */
export interface MeasuresStudy {
  readonly judged: "measures"
  readonly name: string
  /** The pairs of arms whose differences the record has: all if left out. */
  readonly pairs?: ReadonlyArray<readonly [a: string, b: string]>
  /** The faults of an experiment with these arms, before any work. */
  readonly problems: (arms: ReadonlyArray<string>) => ReadonlyArray<string>
  /** Stages of the study's own; left out: there are none. */
  readonly stages?: (context: MeasuresContext) => Effect.Effect<ReadonlyArray<StudyStage>, InvalidInput>
  /** Left out: there is none. */
  readonly before?: BeforeTraining
  /** Runs the study's own plugins on small random problems. @error PluginFault (thrown) */
  readonly trial?: () => void
  /**
   * @param run its tables, with the differences of all pairs of arms
   * @param findings of the study's stages that did not fail
   */
  readonly report: (run: MeasuresRecord, measures: StudyMeasures, findings: ReadonlyArray<StudyFinding>) => StudyReport
}

export type StudyInstance = AcceptanceStudy | MeasuresStudy

export type StudyUse = UseWith<
  "study",
  StudyInstance,
  never,
  InvalidInput,
  { readonly judged: StudyInstance["judged"] }
>

/** The fields of a study's definition; `make` may answer at once or by an Effect. */
interface StudySpec<O extends Type, S> {
  readonly name: string
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  readonly options: O
  readonly make: (options: O["infer"]) => S | Effect.Effect<S, InvalidInput>
}

const studyPlugin = <const O extends Type, S>(
  spec: StudySpec<O, S>,
  judged: StudyInstance["judged"],
  instance: (study: S) => StudyInstance,
): Plugin<O, StudyUse> => {
  checkDefinition("study", spec)
  return definePlugin({
    kind: "study",
    name: spec.name,
    options: spec.options,
    from: spec.from,
    more: () => ({ judged }),
    make: (options) =>
      Effect.suspend(() => {
        const made = spec.make(options)
        return Effect.map(Effect.isEffect(made) ? made : Effect.succeed(made), instance)
      }),
  })
}

/** Defines a study of drafts that a target judges: a plugin with a schema of its config. */
export const defineStudy = <const O extends Type>(
  spec: StudySpec<O, Omit<AcceptanceStudy, "name" | "judged">>,
): Plugin<O, StudyUse> =>
  studyPlugin(spec, "acceptance", (study) => ({ judged: "acceptance", name: spec.name, ...study }))

/** Defines a study of a run without acceptance. */
export const defineMeasuresStudy = <const O extends Type>(
  spec: StudySpec<O, Omit<MeasuresStudy, "name" | "judged">>,
): Plugin<O, StudyUse> => studyPlugin(spec, "measures", (study) => ({ judged: "measures", name: spec.name, ...study }))
