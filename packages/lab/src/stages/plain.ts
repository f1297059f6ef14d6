/** The stages that train on text by cross-entropy: targets, starts, references that need no target. */
import {
  type Architecture,
  type Attends,
  everyToken,
  filterLayer,
  type InvalidInput,
  lossLayer,
  type ModelUse,
  nextToken,
  type ObjectiveUse,
} from "@winnow/core"
import { initialise } from "@winnow/models"
import { Effect, Layer } from "effect"
import { plain } from "../experiment/plain-json.ts"
import type { Training } from "../experiment/training-spec.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { acquire, openOwnModel } from "./models.ts"
import { readSplit } from "./text.ts"
import { trainedModel } from "./trained-model.ts"
import {
  type Cut,
  keepingState,
  noPasses,
  type Sizes,
  train,
  trainingFields,
  trainingPlugins,
  workOf,
} from "./training.ts"

const code = (...plugins: ReadonlyArray<ModelUse<Attends> | ObjectiveUse>) =>
  stageCode({ revisions: ["training"], tensors: true, plugins })

const plainLayers = Layer.merge(filterLayer(everyToken()), lossLayer(nextToken()))

/** The settings of a plain training, whatever it begins with. */
interface PlainTraining {
  readonly kind: "target" | "start" | "earlier" | "reference"
  readonly label: string
  readonly training: Training
  /** Steps after which it ends, below those of the training: an earlier checkpoint of it. */
  readonly until?: number | undefined
  readonly data: Stage
  readonly seed: number
  readonly sizes: Sizes
}

/** A fresh model of this architecture, trained on the text by cross-entropy. */
export const pretrainStage = (
  spec: PlainTraining & { readonly model: ModelUse<Attends> },
): Effect.Effect<Stage, InvalidInput> =>
  Effect.gen(function* () {
    const { kind, label, model, training, until, data, seed, sizes } = spec
    const architecture = yield* model.instance
    return stage({
      kind,
      label,
      config: { model: yield* plain(model), ...(yield* trainingFields(training)), ...(until && { until }) },
      inputs: [partOf(data, "train")],
      code: code(model, ...trainingPlugins(training)),
      seed,
      unit: "steps",
      sharers: training.microBatches,
      work: yield* workOf(label, { ...training, steps: until ?? training.steps }, sizes, {
        draft: architecture,
        ...noPasses,
      }),
      run: (context) =>
        Effect.gen(function* () {
          const fresh = yield* acquire(Effect.sync(() => initialise(architecture, seed)))
          const text = yield* readSplit(context.inputs[0]!, "train")
          const model = yield* trainedModel(fresh, training, seed)
          return yield* train(context, { label, model, training, until, data: text, seed }).pipe(
            Effect.provide(plainLayers),
          )
        }).pipe(Effect.scoped),
    })
  })

/** A model of the run, trained further on the text by cross-entropy. */
export const furtherStage = (
  spec: PlainTraining & {
    readonly begin: Stage
    readonly architecture: Architecture<Attends>
    /** Of a search with several rungs: a longer training goes on from its state. */
    readonly cut?: Cut | undefined
  },
): Effect.Effect<Stage, InvalidInput> => {
  const { kind, label, training, cut, until = cut?.until, data, seed, sizes, begin, architecture } = spec
  const settings = Effect.all({
    work: workOf(label, { ...training, steps: until ?? training.steps }, sizes, { ...noPasses, draft: architecture }),
    config: trainingFields(training),
  })
  return Effect.map(settings, ({ work, config }) =>
    stage({
      kind,
      label,
      config: { ...config, ...(until && { until }) },
      inputs: [partOf(data, "train"), begin],
      code: code(...trainingPlugins(training)),
      seed,
      unit: "steps",
      sharers: training.microBatches,
      work: keepingState(work, cut?.until !== undefined, training),
      continues: cut?.continues,
      run: (context) =>
        Effect.gen(function* () {
          const [text, begin] = context.inputs
          const model = yield* trainedModel(yield* openOwnModel(begin!), training, seed)
          const data = yield* readSplit(text!, "train")
          const keepsState = cut?.until !== undefined
          return yield* train(context, { label, model, training, until, keepsState, data, seed }).pipe(
            Effect.provide(plainLayers),
          )
        }).pipe(Effect.scoped),
    }),
  )
}
