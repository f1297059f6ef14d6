/** The trainings whose rows are compared: models of one size and one seed for all sides, so that their losses compare. */
import { join } from "node:path"
import { type Encoder, everyToken, nextToken } from "@winnow/core"
import { type BatchSource, batches, type EncodedTask } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import type { Precision } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import {
  type CachedSignals,
  cachedReference,
  cachedTarget,
  type HeadSetting,
  headFor,
  makeOptimizer,
  makeReferenceSignals,
  makeTargetSignals,
  openSignals,
  optimizerOptions,
  optimizerStep,
  runMicroBatch,
} from "@winnow/training"
import { Effect } from "effect"
import type { Sizes } from "../side-by-side/common-options.ts"

/** `plain`: the target's own training; `live`: an AdaSPEC arm with both frozen models; `cached`: the same from caches. */
export const kinds = ["plain", "live", "cached"] as const
export type Kind = (typeof kinds)[number]

/** The ways to arrange a batch. The first and the last have the same examples in every step. */
export const sides = {
  padded: { rows: "padded", bucket: 1 },
  "in buckets": { rows: "padded", bucket: 16 },
  "packed in buckets": { rows: "packed", bucket: 16 },
  packed: { rows: "packed", bucket: 1 },
} as const
export type SideName = keyof typeof sides

export interface TrainingSetting {
  readonly kind: Kind
  readonly text: EncodedTask
  readonly batchSize: number
  readonly vocabulary: number
  readonly draft: Sizes
  readonly target: Sizes
  readonly precision: Precision
  /** A folder for caches. */
  readonly folder: string
}

/** One side of a training: the arrangement of its batches, and its own trained model. */
export interface Side {
  readonly source: BatchSource
  /** Runs a step. */
  readonly step: (t: number) => { readonly loss: number; readonly tokens: number; readonly positions: number }
}

const modelOf = async ([hidden, layers, heads, intermediate]: Sizes, vocabulary: number, seed: number) =>
  initialise(
    await instanceOf(
      llama({
        ...{ vocab_size: vocabulary, hidden_size: hidden, num_hidden_layers: layers, num_attention_heads: heads },
        ...{ intermediate_size: intermediate, max_position_embeddings: 1024 },
      }),
    ),
    seed,
  )

/** Signals of both frozen models for all examples, written once and read by every side. */
const cachesOf = async (
  { text: { examples }, folder }: TrainingSetting,
  models: { readonly target: Encoder; readonly reference: Encoder },
  setting: HeadSetting,
): Promise<CachedSignals> => {
  const identity = { run: "bench packing" }
  const making = { identity, examples, chunkRows: 256 }
  const open = (name: string) => openSignals(join(folder, name), identity, examples)
  const { target, reference } = models
  await Effect.runPromise(makeTargetSignals({ ...making, directory: join(folder, "target"), target, form: "hidden" }))
  const ofTarget = cachedTarget(open("target"), "hidden")
  const statistics = ["referenceLoss_N"] as const
  const more = { reference, statistics, loss: setting.loss, signals: { target: ofTarget } }
  await Effect.runPromise(makeReferenceSignals({ ...making, ...more, directory: join(folder, "reference") }))
  return { target: ofTarget, reference: cachedReference(open("reference"), statistics) }
}

/** The sides of a training. Their models live as long as the process. */
export const sidesOf = async (setting: TrainingSetting): Promise<ReadonlyMap<SideName, Side>> => {
  const { kind, text, batchSize, vocabulary, precision } = setting
  const filter = await instanceOf(kind === "plain" ? everyToken() : adaspec({ k: 0.4 }))
  const loss = await instanceOf(kind === "plain" ? nextToken() : kl())
  const trained = kind === "plain" ? setting.target : setting.draft
  const frozen =
    kind === "plain"
      ? undefined
      : {
          target: await modelOf(setting.target, vocabulary, 2),
          reference: await modelOf(setting.draft, vocabulary, 3),
        }
  const signals = kind === "cached" ? await cachesOf(setting, frozen!, { filter, loss }) : undefined
  const head = headFor({ filter, loss, precision, signals })
  const models = kind === "live" ? frozen : {}
  const settings = optimizerOptions.assert({ learningRate: 1e-3, warmup: 10 })
  const all = new Map<SideName, Side>()
  for (const [name, arranged] of Object.entries(sides) as ReadonlyArray<[SideName, (typeof sides)[SideName]]>) {
    const draft = await modelOf(trained, vocabulary, 1)
    const optimizer = makeOptimizer(draft.parameters, settings)
    const source = batches(text.examples, { batchSize, seed: 1, ...arranged })
    all.set(name, {
      source,
      step: (t) => {
        const batch = source.batch(t)
        const { loss: value } = optimizerStep(optimizer, settings, t, 1000, 1, (micro, divide) =>
          runMicroBatch({ batch, draft, ...models, filter, head, step: t, steps: 1000, seed: 1, micro, divide }),
        )
        return { loss: value, tokens: batch.tokens, positions: batch.B * batch.T }
      },
    })
  }
  return all
}
