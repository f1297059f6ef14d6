/** The stages that train on text by cross-entropy: target, draft start, clean-text reference. */
import { everyToken, filterLayer, type InvalidInput, lossLayer, type ModelUse, nextToken } from "@winnow/core"
import { initialise } from "@winnow/models"
import { Effect, Layer } from "effect"
import { plain, type ResolvedReference, type Training } from "../experiment/resolve.ts"
import { type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import type { Distilling } from "./arm.ts"
import { held, openModel } from "./models.ts"
import { readSplit } from "./text.ts"
import { noPasses, type Sizes, train, trainingFields, workOf } from "./training.ts"

const code = (...plugins: ReadonlyArray<ModelUse>) => stageCode({ revisions: ["training"], tensors: true, plugins })

const plainLayers = Layer.merge(filterLayer(everyToken()), lossLayer(nextToken()))

/** A target, or a draft's start: a fresh model of this architecture, trained on the text by cross-entropy. */
export const pretrainStage = (spec: {
  readonly kind: "target" | "start"
  readonly label: string
  readonly model: ModelUse
  readonly training: Training
  readonly data: Stage
  readonly seed: number
  readonly sizes: Sizes
}): Effect.Effect<Stage, InvalidInput> =>
  Effect.gen(function* () {
    const { kind, label, model, training, data, seed, sizes } = spec
    const architecture = yield* model.instance
    return stage({
      kind,
      label,
      config: { model: yield* plain(model), ...trainingFields(training) },
      inputs: [data],
      code: code(model),
      seed,
      unit: "steps",
      work: workOf(training, sizes, { draft: architecture, ...noPasses }),
      run: (context) =>
        Effect.gen(function* () {
          const fresh = yield* held(Effect.sync(() => initialise(architecture, seed)))
          const text = yield* readSplit(context.inputs[0]!, "train")
          return yield* train(context, { label, model: fresh, training, data: text, seed }).pipe(
            Effect.provide(plainLayers),
          )
        }).pipe(Effect.scoped),
    })
  })

/** A frozen reference that needs no target: the start, trained on the clean text by cross-entropy. */
export const cleanTextStage = (
  spec: Extract<ResolvedReference, { kind: "clean-text" }>,
  { data, start, seed, sizes, architectures }: Distilling,
): Stage => {
  const label = `reference (clean text), seed ${seed}`
  return stage({
    kind: "reference",
    label,
    config: { kind: spec.kind, ...trainingFields(spec) },
    inputs: [data, start],
    code: code(),
    seed,
    unit: "steps",
    work: workOf(spec, sizes, { ...noPasses, draft: architectures.draft }),
    run: (context) =>
      Effect.gen(function* () {
        const [text, begin] = context.inputs
        const model = yield* openModel(begin!.directory)
        const data = yield* readSplit(text!, "train")
        return yield* train(context, { label, model, training: spec, data, seed }).pipe(Effect.provide(plainLayers))
      }).pipe(Effect.scoped),
  })
}
