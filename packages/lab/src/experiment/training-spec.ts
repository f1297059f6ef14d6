/** The settings of a training: steps, batch, optimizer, and for distillations the signals of frozen models. */
import { later, type ObjectiveUse, objectiveUse } from "@winnow/core"
import { usualBucket } from "@winnow/data"
import { type LoraOptions, loraOptions, privateOptions } from "@winnow/models"
import type { Precision } from "@winnow/tensor"
import { type OptimizerInput, optimizerOptions, type SignalsInput, signalsOptions } from "@winnow/training"
import { type } from "arktype"
import { different, natural } from "./numbers.ts"
import { type TextSpec, textSpec } from "./text.ts"

/** The sequences that come together in a batch, and their arrangement in rows. */
export const batchSpec = type({
  "+": "reject",
  // "packed": several sequences share a row, and each attends to itself alone; the training is the same up to rounding.
  rows: "'padded' | 'packed' = 'padded'",
  // Batches of a window that sorts its sequences by length; 1: batches are drawn whatever the lengths.
  bucket: type("number.integer >= 1").default(usualBucket),
})
export type BatchSettings = typeof batchSpec.infer

/** A small part that is trained in the place of all parameters. */
export const adaptersSpec = later(() => loraOptions.or(privateOptions))

/** Steps, batch and optimizer: the settings of every training stage. */
export const trainingFields = {
  steps: natural,
  batchSize: natural,
  // Batches summed into one step; a filter decides within each.
  microBatches: "number.integer >= 1 = 1",
  // Padded rows of sequences of like length if left out.
  "batch?": batchSpec,
  optimizer: later(() => optimizerOptions).default(() => ({})),
  // Rounding of the operands of matrix products: bfloat16 is faster on processors that support it, and must be stated
  // in a paper.
  precision: "'float32' | 'bfloat16' = 'float32'",
  // The text to read: the task's own if left out.
  "text?": textSpec,
  // The problem made from the text: the next token if left out.
  "objective?": objectiveUse,
  // Parts ("embedding", "head") and patterns of parameter names that keep their values.
  "frozen?": different(type("string >= 1").array().atLeastLength(1)),
  // Adapters, or a private part, that are trained in the place of all parameters.
  "adapters?": adaptersSpec,
} as const

export const trainingSpec = later(() => type({ "+": "reject", ...trainingFields }))
export type Training = typeof trainingSpec.infer

/** Fields of the stages that distil: these read frozen models, live or from a cache. */
export const distillingFields = { ...trainingFields, signals: later(() => signalsOptions).default(() => ({})) } as const

/** Steps, batch size and optimizer of a stage; the optimizer's defaults are those of `optimizerOptions`. */
export interface TrainingSpec {
  readonly steps: number
  readonly batchSize: number
  readonly microBatches?: number
  /** Rows that are padded or packed, and the window in which lengths are sorted: padded rows and 16 batches if left out. */
  readonly batch?: typeof batchSpec.inferIn
  readonly optimizer?: OptimizerInput
  /** Precision of matrix products during training, float32 if left out; measurements are always in float32. */
  readonly precision?: Precision
  /** The task's own if left out. */
  readonly text?: TextSpec
  /** The problem made from the text: the next token if left out. */
  readonly objective?: ObjectiveUse
  /** Parts ("embedding", "head") and patterns of parameter names ("model.layers.0.*") that keep their values. */
  readonly frozen?: ReadonlyArray<string>
  /** Trained in the place of all parameters: `lora({ rank, alpha, on })`, or `privatePart({ size })`. */
  readonly adapters?: LoraSpec | PrivateSpec
}

/** Adapters in the form of an experiment's author. */
export interface LoraSpec extends Omit<LoraOptions, "on"> {
  readonly on: ReadonlyArray<string>
}

/** A private part in the form of an experiment's author. */
export type PrivateSpec = typeof privateOptions.inferIn

/**
 * Low-rank adapters: W + (alpha / rank) B A in place of W; only B and A are trained.
 *
 * @param options.rank columns of B and rows of A, 1 or more
 * @param options.alpha above 0; a usual value is twice the rank
 * @param options.on linear layers by the end of their path ("q_proj"), or by a pattern of it ("model.layers.3.*")
 */
export const lora = (options: Omit<LoraSpec, "kind">): LoraSpec => ({ kind: "lora", ...options })

/**
 * EDA's private part: a light feed-forward beside the shared one of each layer, behind a gate. It is trained alone, and begins
 * as no change.
 *
 * @param options.size columns of the private feed-forward of each layer, 1 or more
 * @param options.gate "joint": the softmax over both, by each token (the default); "none": a sum, which merges into a plain
 * model with a wider feed-forward
 */
export const privatePart = (options: Omit<PrivateSpec, "kind">): PrivateSpec => ({ kind: "private", ...options })

/** The same for an arm and for a distilled reference, with the source of the frozen models' signals. */
export interface DistillingSpec extends TrainingSpec {
  /** The models themselves if left out: "live". */
  readonly signals?: SignalsInput
}
