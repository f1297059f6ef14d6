/**
 * One micro-batch of the selective step: statistics, filter, loss on the kept rows, gradient of every trained variable.
 *
 *     tokens -> trunk -> h -> STATISTICS (no gradient) -> FILTER -> LOSS on kept rows -> dL/dh -> trunk backward
 *
 * The head, the filter and the loss sit inside one custom gradient, as what is differentiated depends on what the
 * statistics said; the trunk before it is differentiated by TFJS. `dense.ts` is the plain form of the same step.
 *
 * Letters: B sequences, T positions, N valid tokens, V vocabulary, d and D hidden sizes of draft and target.
 */
import {
  checkedSelection,
  type Encoder,
  type FilterContext,
  type FilterInstance,
  movedParameters,
  type Statistics,
} from "@winnow/core"
import type { Batch } from "@winnow/data"
import { type Rng, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import type { Head } from "./head/head.ts"
import type { Pass, Rows } from "./head/pass.ts"
import { trainedGradients } from "./trained-gradients.ts"

/** Everything a micro-batch needs; nothing in it is changed. */
export interface MicroBatch {
  readonly batch: Batch
  readonly draft: Encoder
  readonly target?: Encoder | undefined
  readonly reference?: Encoder | undefined
  readonly filter: FilterInstance
  /** Chosen for the filter and the stage's loss. A model whose signals it has from a cache is not run, and may be left out. */
  readonly head: Head
  readonly step: number
  readonly steps: number
  /** Draws of this micro-batch: the filter's and the loss's, from separate streams. */
  readonly seed: number
  readonly micro: number
  /** True if the gradients are divided by the denominator already: so when the step has one micro-batch. */
  readonly divide: boolean
}

/** The result of a micro-batch. */
export interface MicroResult {
  /** sum of weights x loss over the kept tokens. */
  readonly lossSum: number
  /** The sum of weights, or N: what the loss is divided by. */
  readonly denominator: number
  readonly N: number
  readonly kept: number
  readonly weights_N: Uint8Array | Float32Array
  readonly statistics: Partial<Statistics>
  /** By parameter name. The caller disposes them. */
  readonly gradients: Record<string, tf.Tensor>
}

/** Uniform draws for the losses that sample, one a valid token. */
export const uniforms = (N: number, rng: Rng): Float32Array => Float32Array.from({ length: N }, rng.uniform)

/** The frozen model's hidden states at the valid rows. Belongs to the caller's tidy. */
export const frozenRows = (model: Encoder, ids_BT: tf.Tensor2D, row_N: tf.Tensor1D): Rows =>
  tf.tidy(() => ({ h_Nd: validRows(model.hidden(ids_BT), row_N), head_Vd: model.head_Vd as tf.Tensor2D }))

/** [B, T, d] to the valid rows [N, d]. */
export const validRows = (h_BTd: tf.Tensor3D, row_N: tf.Tensor1D): tf.Tensor2D =>
  tf.gather(tf.reshape(h_BTd, [-1, h_BTd.shape[2]]), row_N) as tf.Tensor2D

/** The filter's answer, checked: a filter is a plugin, and a wrong mask must not train. */
export const select = ({ batch, filter, ...input }: MicroBatch, statistics: Partial<Statistics>) => {
  const N = batch.row_N.length
  const context: FilterContext = {
    N,
    gold_N: batch.gold_N,
    sequence_N: batch.sequence_N,
    position_N: batch.position_N,
    step: input.step,
    steps: input.steps,
    rng: seeded(input.seed, "filter", input.step, input.micro),
  }
  // what the filter needs was computed; its type hides the rest from it
  const selection = filter.select({ ...(statistics as Statistics), ...context })
  const { weights_N, divideBy, kept, sum } = checkedSelection(`filter ${filter.name}`, selection, N)
  return { weights_N, kept, denominator: divideBy === "kept" ? sum : N }
}

/** All of a pass but the draft's rows. Belongs to the caller's tidy. */
const frozenPass = (input: MicroBatch, ids_BT: tf.Tensor2D, row_N: tf.Tensor1D): Omit<Pass, "draft"> => {
  const { batch, head } = input
  const { reads, signals } = head
  const rowsOf = (model: Encoder | undefined) => model && frozenRows(model, ids_BT, row_N)
  const stored = signals.target?.rows(batch)
  const hidden = stored && "hidden" in stored ? stored.hidden : undefined
  return {
    target: reads.has("target") && stored === undefined ? rowsOf(input.target) : hidden,
    cached: stored && "cached" in stored ? stored.cached : undefined,
    known: signals.reference?.losses(batch),
    reference: reads.has("reference") ? rowsOf(input.reference) : undefined,
    gold_N: batch.gold_N,
    uniform_N: uniforms(batch.row_N.length, seeded(input.seed, "loss", input.step, input.micro)),
  }
}

const tensorsOf = ({ ids_BT, B, T, row_N }: Batch) => ({
  ids_BT: tf.tensor2d(ids_BT, [B, T], "int32"),
  row_N: tf.tensor1d(row_N, "int32"),
})

/**
 * The tokens of a micro-batch that the filter would keep, the draft being as it is; nothing is trained.
 *
 * @returns the weights, one a valid token, as the step itself would have them
 */
export const keptWeights = (input: Omit<MicroBatch, "divide">): Uint8Array | Float32Array => {
  const micro = { ...input, divide: true }
  return tf.tidy(() => {
    const { ids_BT, row_N } = tensorsOf(input.batch)
    const pass = { draft: frozenRows(input.draft, ids_BT, row_N), ...frozenPass(micro, ids_BT, row_N) }
    return select(micro, input.head.open(pass).statistics).weights_N as never
  })
}

/** The gradients of every trained variable of the draft on one micro-batch. */
export const runMicroBatch = (input: MicroBatch): MicroResult => {
  const { batch, draft, head } = input
  const N = batch.row_N.length
  const headIsFrozen = !movedParameters(draft).has(draft.architecture.head)
  let result: Omit<MicroResult, "gradients"> | undefined

  const byName = tf.tidy(() => {
    const { ids_BT, row_N } = tensorsOf(batch)
    const frozen = frozenPass(input, ids_BT, row_N)

    const head_Vd = draft.head_Vd as unknown as tf.Tensor2D
    const headAndLoss = tf.customGrad((h, ...more) => {
      const save = more.at(-1) as unknown as tf.GradSaveFunc
      const rows: Rows = { h_Nd: h as tf.Tensor2D, head_Vd, headIsFrozen }
      const { statistics, gradient } = head.open({ draft: rows, ...frozen })
      const selection = select(input, statistics)
      const scale = input.divide ? 1 / selection.denominator : 1
      const { lossSum, gradient_Nd, headGradient_Vd } = gradient(selection.weights_N, scale)
      save(headGradient_Vd === undefined ? [gradient_Nd] : [gradient_Nd, headGradient_Vd])
      result = { lossSum, N, statistics, ...selection }
      // the loss is the root of the tape, so what comes back to the gradient function is exactly 1
      return { value: tf.scalar(lossSum * scale), gradFunc: (_one, saved) => saved.map((x) => x.clone()) }
    })

    const { byName } = trainedGradients(draft, () => {
      const h_Nd = validRows(draft.hidden(ids_BT), row_N)
      return (headIsFrozen ? headAndLoss(h_Nd) : headAndLoss(h_Nd, head_Vd)) as tf.Scalar
    })
    return byName
  })
  return { ...result!, gradients: byName }
}
