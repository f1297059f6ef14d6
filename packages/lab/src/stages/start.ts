/** The stages of a start: a fresh model, a folder, some layers of the target; each with or without training on the text. */
import { join, resolve } from "node:path"
import { type Architecture, type Attends, type DataError, type HeadUse, InvalidInput } from "@winnow/core"
import {
  architectureOfIds,
  architectureOfLayers,
  architectureOfWidths,
  initialise,
  initialiseHead,
  loadHead,
  modelOfLayers,
  modelOfWidths,
  parameterCount,
  saveHead,
  saveModel,
  turnedArchitecture,
} from "@winnow/models"
import { Effect } from "effect"
import { headParameters } from "../budget.ts"
import { plain } from "../experiment/plain-json.ts"
import {
  describeStart,
  type FreshStart,
  type HeadStart,
  type LayersStart,
  type OwnStart,
  type ResizedStart,
  type ResolvedStart,
  type TunedStart,
} from "../experiment/start.ts"
import type { ResolvedText } from "../experiment/text.ts"
import { type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { folderArchitecture, folderStage, headHashes } from "./folder.ts"
import { acquire, openModel, trunkFolder } from "./models.ts"
import { furtherStage, pretrainStage } from "./plain.ts"
import { architectureAfter } from "./trained-model.ts"
import type { Sizes } from "./training.ts"

/** Kinds of stages of a start. An earlier checkpoint of one is no part of any cost. */
type ModelKind = "target" | "start" | "earlier"

/** The model of a stage, or its head. */
export interface BeginModel {
  readonly stage: Stage
  /** Of a head that of the target, whose hidden states it reads. */
  readonly architecture: Architecture<Attends>
  /** The head that the stage has in the place of a model. */
  readonly head?: HeadUse | undefined
  /** True if a copy of the target is trained with the head. */
  readonly movesTrunk?: boolean | undefined
}

/**
 * The architecture that a start has.
 *
 * @param name of the model in errors: "target", "draft"
 * @param target its architecture, for a start that is part of it
 * @error DataError for a folder that cannot be read; InvalidInput for options or layers that there are not
 */
export const architectureOfStart = (
  start: OwnStart,
  name: string,
  target: Architecture<Attends> | undefined,
): Effect.Effect<Architecture<Attends>, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const whole = yield* wholeArchitecture(start, name, target)
    const { pretraining } = start
    const trained = pretraining === undefined ? whole : yield* architectureAfter(name, whole, pretraining)
    return yield* changedArchitecture(name, trained, start)
  })

/** The same before any training, and before changes without training. */
const wholeArchitecture = (
  start: OwnStart,
  name: string,
  target: Architecture<Attends> | undefined,
): Effect.Effect<Architecture<Attends>, InvalidInput | DataError> => {
  if (start.kind === "fresh") return start.model.instance
  // The schema of a target's own start has no head.
  if (start.kind === "head") return Effect.succeed(target!)
  if (start.kind === "folder") return folderArchitecture(name, start.path)
  if (start.kind === "tuned") return architectureOfStart(start.of, `${name} before its tuning`, target)
  // The schema of a target's own start has no part of a target.
  if (start.kind === "layers") return refusedAs(name, () => architectureOfLayers(target!, start.layers))
  return Effect.flatMap(wholeOf(start, name, target), (whole) =>
    refusedAs(name, () => {
      const part = start.layers === undefined ? whole : architectureOfLayers(whole, start.layers)
      return architectureOfWidths(part, start.widths, start.keep ?? keep)
    }),
  )
}

/** The units that narrower widths keep, unless a start says it. */
const keep = "largest"

/** The model whose widths a start changes. */
const wholeOf = ({ of }: ResizedStart, name: string, target: Architecture<Attends> | undefined) =>
  of === "target" ? Effect.succeed(target!) : folderArchitecture(name, of.path)

/** Runs code that refuses layers or widths; the error begins with the model's name. */
const refusedAs = <A>(name: string, run: () => A): Effect.Effect<A, InvalidInput> =>
  Effect.try({
    try: run,
    catch: (error) => {
      if (error instanceof InvalidInput)
        return new InvalidInput({ what: `${name}: ${error.what}`, problems: error.problems })
      throw error
    },
  })

/** The architecture of a model with the attention that a start names. @error InvalidInput where no family has it */
export const otherArchitecture = (
  name: string,
  whole: Architecture<Attends>,
  { turned }: Pick<ResolvedStart, "turned">,
): Effect.Effect<Architecture<Attends>, InvalidInput> =>
  turned === undefined ? Effect.succeed(whole) : refusedAs(name, () => turnedArchitecture(whole))

/** The architecture of a model with the attention and the vocabulary that a start names. */
const changedArchitecture = (name: string, whole: Architecture<Attends>, start: ResolvedStart) =>
  Effect.flatMap(otherArchitecture(name, whole, start), (turned) => smallerArchitecture(name, turned, start))

/** The architecture of a model with the vocabulary of a start. @error InvalidInput for a size that it cannot have */
export const smallerArchitecture = (
  name: string,
  whole: Architecture<Attends>,
  { vocabulary }: Pick<ResolvedStart, "vocabulary">,
): Effect.Effect<Architecture<Attends>, InvalidInput> =>
  vocabulary === undefined ? Effect.succeed(whole) : refusedAs(name, () => architectureOfIds(whole, vocabulary))

/** A fresh model that nobody has trained. */
const freshStage = (
  kind: ModelKind,
  label: string,
  { model }: FreshStart,
  architecture: Architecture<Attends>,
  seed: number,
) =>
  Effect.map(plain(model), (of) =>
    stage({
      kind,
      label,
      config: { model: of },
      inputs: [],
      code: stageCode({ revisions: ["training"], tensors: true, plugins: [model] }),
      seed,
      work: { parameters: parameterCount(architecture) },
      run: ({ directory }) =>
        Effect.gen(function* () {
          const fresh = yield* acquire(Effect.sync(() => initialise(architecture, seed)))
          yield* saveModel(fresh, directory)
          return { parameters: parameterCount(architecture) }
        }).pipe(Effect.scoped),
    }),
  )

/** Some layers of the target. */
const layersStage = (label: string, { layers }: LayersStart, architecture: Architecture<Attends>, target: Stage) =>
  stage({
    kind: "start",
    label,
    config: { layers: [...layers] },
    inputs: [target],
    code: stageCode({ revisions: ["training"], tensors: false }),
    work: { parameters: parameterCount(architecture) },
    run: ({ directory, inputs: [whole] }) =>
      Effect.gen(function* () {
        const model = yield* openModel(whole!)
        const part = yield* acquire(Effect.sync(() => modelOfLayers(model, layers)))
        yield* saveModel(part, directory)
        return { parameters: parameterCount(architecture) }
      }).pipe(Effect.scoped),
  })

/** A model of other widths than one of a stage. */
const resizedStage = (
  label: string,
  start: ResizedStart,
  architecture: Architecture<Attends>,
  of: Stage,
  seed: number,
) => {
  const { widths, layers, keep: kept = keep } = start
  return stage({
    kind: "start",
    label,
    config: { widths: { ...widths }, keep: kept, ...(layers && { layers: [...layers] }) },
    inputs: [of],
    code: stageCode({ revisions: ["training"], tensors: true }),
    seed,
    work: { parameters: parameterCount(architecture) },
    run: ({ directory, inputs: [whole] }) =>
      Effect.gen(function* () {
        const model = yield* openModel(whole!)
        const part = layers === undefined ? model : yield* acquire(Effect.sync(() => modelOfLayers(model, layers)))
        const resized = yield* acquire(Effect.sync(() => modelOfWidths(part, widths, kept, seed)))
        yield* saveModel(resized, directory)
        return { parameters: parameterCount(architecture) }
      }).pipe(Effect.scoped),
  })
}

/** A saved head for the target. Its key has the files of its folder. */
const savedHeadStage = (label: string, { head, path }: HeadStart, target: BeginModel) =>
  Effect.gen(function* () {
    const folder = resolve(path!)
    const instance = yield* head.instance
    const parameters = headParameters(instance.on(target.architecture))
    const { options } = yield* plain(head)
    return stage({
      kind: "start",
      label,
      config: { head: yield* plain(head), files: yield* headHashes(folder) },
      inputs: [target.stage],
      code: stageCode({ revisions: ["training"], tensors: true, plugins: [head] }),
      work: { parameters },
      run: ({ directory, inputs: [ofTarget] }) =>
        Effect.gen(function* () {
          const model = yield* openModel(ofTarget!)
          const saved = yield* acquire(loadHead(folder, instance, model))
          yield* saveHead(saved, options, directory)
          return { parameters }
        }).pipe(Effect.scoped),
    })
  })

/** A fresh head on the target. */
const headStage = (label: string, start: HeadStart, target: BeginModel, seed: number) =>
  Effect.gen(function* () {
    const { head, trunk } = start
    if (start.path !== undefined) return yield* savedHeadStage(label, start, target)
    const instance = yield* head.instance
    const parameters = headParameters(instance.on(target.architecture))
    const { options } = yield* plain(head)
    return stage({
      kind: "start",
      label,
      config: { head: yield* plain(head), ...(trunk && { trunk }) },
      inputs: [target.stage],
      code: stageCode({ revisions: ["training"], tensors: true, plugins: [head] }),
      seed,
      work: { parameters },
      run: ({ directory, inputs: [ofTarget] }) =>
        Effect.gen(function* () {
          const model = yield* openModel(ofTarget!)
          const made = yield* acquire(Effect.sync(() => initialiseHead(instance, model, seed)))
          if (trunk) yield* saveModel(model, join(directory, trunkFolder))
          yield* saveHead(made, options, directory)
          return { parameters }
        }).pipe(Effect.scoped),
    })
  })

/** The stage of a model that others' weights make, before any training. */
const beginStage = (
  start: Exclude<OwnStart, FreshStart | TunedStart | HeadStart>,
  place: {
    readonly kind: "target" | "start"
    readonly name: string
    readonly seed: number
    readonly architecture: Architecture<Attends>
    readonly target: BeginModel | undefined
  },
) =>
  Effect.gen(function* () {
    const { kind, name, seed, architecture, target } = place
    if (start.kind === "folder") return yield* folderStage({ kind, name, path: start.path, architecture })
    const label = `${name}, ${describeStart(start)}`
    if (start.kind === "layers") return layersStage(label, start, architecture, target!.stage)
    const { of } = start
    const whole =
      of === "target"
        ? target!.stage
        : yield* folderStage({
            ...{ kind, name: `${name}'s whole`, path: of.path },
            architecture: yield* folderArchitecture(name, of.path),
          })
    return resizedStage(`${label}, seed ${seed}`, start, architecture, whole, seed)
  })

/**
 * A start with its stage, before changes without training.
 *
 * @param place.name of the model in labels and errors: "target", "draft start"
 * @param place.label of the stage that has the start as training found it: "draft start, seed 1"
 * @param place.seed the seed of a start that names none
 */
export const begunStage = (
  start: OwnStart,
  place: {
    readonly kind: ModelKind
    readonly name: string
    readonly label: string
    readonly seed: number
    /** Steps of its pretraining after which it ends, below all of them. */
    readonly until?: number | undefined
    /** The text of its training. */
    readonly textOf: (
      text: ResolvedText | undefined,
      begin: BeginModel | undefined,
    ) => { readonly data: Stage; readonly sizes: Sizes }
    /** Of a start that can be part of it. */
    readonly target?: BeginModel
  },
): Effect.Effect<BeginModel, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const { kind, name, label, until, target, textOf } = place
    const architecture = yield* wholeArchitecture(start, name, target?.architecture)
    const { pretraining: training } = start
    const seed = start.seed ?? place.seed
    const after = (of: Architecture<Attends>) =>
      training === undefined ? Effect.succeed(of) : architectureAfter(label, of, training)
    if (start.kind === "head")
      return {
        stage: yield* headStage(label, start, target!, seed),
        architecture,
        head: start.head,
        movesTrunk: start.trunk === "trained",
      }
    if (start.kind === "fresh") {
      const made =
        training === undefined
          ? freshStage(kind, label, start, architecture, seed)
          : pretrainStage({
              ...textOf(training.text, undefined),
              kind,
              label,
              model: start.model,
              training,
              until,
              seed,
            })
      return { stage: yield* made, architecture: yield* after(architecture) }
    }
    const before = `${name} before its tuning`
    const begin =
      start.kind === "tuned"
        ? (yield* begunStage(start.of, {
            ...{ name: before, label: before, kind: kind === "target" ? kind : ("start" as const) },
            ...{ seed: place.seed, textOf, ...(target && { target }) },
          })).stage
        : yield* beginStage(start, { kind: kind === "target" ? kind : "start", name, seed, architecture, target })
    if (training === undefined) return { stage: begin, architecture }
    const text = textOf(training.text, { stage: begin, architecture })
    return {
      stage: yield* furtherStage({ ...text, kind, label, training, until, seed, begin, architecture }),
      architecture: yield* after(architecture),
    }
  })
