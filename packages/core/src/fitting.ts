/**
 * The input of measures that fit something on labelled texts, and the form in which they answer.
 *
 * Letters: n texts, d hidden size.
 */
import type { Rng } from "@winnow/numerics"
import type { tf } from "@winnow/tensor"
import type { MeasuredTexts, MeasureWords } from "./measured-texts.ts"
import type { Trainable } from "./model.ts"
import type { EncodedExample } from "./problem.ts"

/** The mean over a text's tokens of the states that the vocabulary head reads, without a bias column, [n, d]. */
export type PooledStates = (texts: ReadonlyArray<Int32Array>) => tf.Tensor2D

/** A copy of the draft that a measure may train; the stage frees it. `pooled` is differentiable in its parameters. */
export interface TrainableCopy extends Trainable {
  readonly pooled: PooledStates
}

/** The input of a measure that fits. Tensors belong to the caller's tidy. */
export interface FittedInput {
  /** The task's splits. The measured one comes last, and nothing may be fitted on it. */
  readonly training: ReadonlyArray<EncodedExample>
  readonly validation: ReadonlyArray<EncodedExample>
  readonly measured: ReadonlyArray<EncodedExample>
  /** Of the draft, frozen. */
  readonly pooled: PooledStates
  /** Makes the copy, once. */
  readonly copy: () => TrainableCopy
  /** Hidden size without a bias column. */
  readonly d: number
  /** Seeded by the run's measurement: the draws are the same for every model. */
  readonly rng: Rng
}

/** A measure with its options fixed. It chooses the texts that it measures, and yields where it may be stopped. */
export interface FittedMeasure extends MeasureWords {
  readonly fitted: (input: FittedInput) => Generator<void, MeasuredTexts>
}
