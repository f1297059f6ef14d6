/**
 * A judge of tokens by an encoder that is trained for it: on the training texts of a task, by masked tokens, in tokens
 * of a BPE trained on the same texts. A process trains it once, and remembers its weights and its scores as numbers.
 *
 * Letters: T tokens of a text.
 */
import {
  DataError,
  defineService,
  filterLayer,
  lossLayer,
  onceInProcess,
  type StateTensor,
  TokenJudge,
  type TokenJudging,
  taskUse,
  variablesState,
} from "@winnow/core"
import { batches, encodeTask, trainBpe } from "@winnow/data"
import { none } from "@winnow/filter-none"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { modernbert } from "@winnow/model-modernbert"
import { initialise, maskedJudge, maskedJudgeFlops } from "@winnow/models"
import { masked } from "@winnow/objective-masked"
import { optimizerOptions, trainStage } from "@winnow/training"
import { type } from "arktype"
import { Effect, Layer } from "effect"

const options = type({
  "+": "reject",
  task: taskUse,
  // Ids of the experiment's tokenizer; the next one is the mask.
  vocabulary: "number.integer >= 257",
  // As of the experiment's tokenizer; false if left out.
  "splitDigits?": "boolean",
  // Most tokens of a text, as in the experiment.
  maxLength: "number.integer >= 8",
  steps: "number.integer >= 1",
  batchSize: "number.integer >= 1 = 16",
  width: "number.integer >= 16",
  layers: "number.integer >= 1",
})
type Options = typeof options.infer

const shapeOf = ({ vocabulary, maxLength, width, layers }: Options) =>
  modernbert({
    ...{ vocab_size: vocabulary + 64, max_position_embeddings: maxLength, hidden_size: width },
    ...{ num_hidden_layers: layers, num_attention_heads: width / 32, intermediate_size: 1.5 * width },
  }).instance

/** Ettin's mask rates: 30 % of the tokens, and 15 % in the last fifth of the steps. */
const objectiveOf = (maskId: number) =>
  masked({
    ...{ maskId, of: "all" },
    rate: {
      phases: [
        { until: 0.8, rate: 0.3 },
        { until: 1, rate: 0.15 },
      ],
    },
  })

/** Trains the encoder, in place. */
const trainedOn = (
  { task, vocabulary, splitDigits = false, maxLength, steps, batchSize }: Options,
  model: ReturnType<typeof initialise>,
) =>
  Effect.gen(function* () {
    const { examples } = yield* task.instance
    const source = examples("train")
    const texts = source.flatMap(({ prompt, answer }) => [prompt, answer])
    // The same texts and settings as the experiment's tokenizer: the same ids.
    const tokenizer = trainBpe(texts, { vocabularySize: vocabulary, splitDigits })
    const encoded = yield* encodeTask(source, tokenizer, { maxLength })
    const instance = yield* objectiveOf(vocabulary).instance
    const { vocabularySize } = model.architecture
    const objective = { instance, vocabularySize, steps, microBatches: 1 }
    yield* trainStage({
      ...{ stage: "judge", model, steps, seed: 1 },
      batches: batches(encoded.examples, { batchSize, seed: 1, objective }),
      optimizer: optimizerOptions.assert({
        ...{ learningRate: 3e-3, warmup: Math.round(steps / 20), schedule: "cosine" },
      }),
    }).pipe(
      Effect.provide(Layer.merge(filterLayer(none()), lossLayer(crossEntropy()))),
      Effect.mapError((error) =>
        error._tag === "InvalidInput" ? error : new DataError({ message: `judge: ${error.message}`, cause: error }),
      ),
    )
  })

/** Weights by name, once it is trained, and scores by text. */
interface Known {
  weights: ReadonlyMap<string, Float32Array> | undefined
  readonly scores: Map<string, Float32Array>
}

const open = (set: Options) =>
  Effect.gen(function* () {
    const architecture = yield* shapeOf(set)
    const model = yield* Effect.acquireRelease(
      Effect.sync(() => initialise(architecture, 1)),
      (m) => Effect.sync(() => m.dispose()),
    )
    const tensors = variablesState(model.trained).tensors ?? new Map<string, StateTensor>()
    const key = JSON.stringify({ ...set, task: [set.task.name, set.task.options] })
    const known = onceInProcess(`encoder-judge ${key}`, (): Known => ({ weights: undefined, scores: new Map() }))
    const { weights, scores } = known
    if (weights !== undefined) for (const [name, { write }] of tensors) write(weights.get(name)!)
    else {
      yield* trainedOn(set, model)
      known.weights = new Map(Array.from(tensors, ([name, { read }]) => [name, Float32Array.from(read())] as const))
    }
    // It would remember texts for one arm; the process does for all.
    const judge = maskedJudge(model, { maskId: set.vocabulary, remember: 0 })
    return {
      nll: (text_T) => {
        const text = text_T.join()
        const nll_T = scores.get(text) ?? judge.nll(text_T)
        scores.set(text, nll_T)
        return nll_T
      },
    } satisfies TokenJudging
  })

/**
 * The service of the experiment. Its cost in an arm's FLOPs is that of its scores, without its training, once for each
 * text.
 */
export const encoderJudge = defineService({
  name: "encoder-judge",
  provides: [TokenJudge],
  options,
  make: (set) => Layer.effect(TokenJudge, open(set)),
  flops: (set) => maskedJudgeFlops(Effect.runSync(shapeOf(set))),
})
