/**
 * The gradient of a loss by the fused vocabulary head, without logits in memory (`native/head.h`).
 *
 * Letters: K kept rows, V vocabulary, d and D hidden sizes of draft and target; p target, q draft.
 */
import { tf } from "../tf.ts"
import { completed } from "./ffi.ts"
import {
  Columns,
  checkedIds,
  type HeadRows,
  type KeptLogits,
  precisionWord,
  sizesOf,
  type TrainedRows,
  words,
  writeSide,
} from "./head-call.ts"
import { address, type Native, output } from "./native.ts"

const gradientCall = words(31)

/** Forms of a row's gradient by its logits; `native/head.h` has the formulas. */
export const headForms = {
  kl: 1,
  reverseKl: 2,
  jsd: 3,
  tvd: 4,
  reward: 5,
  uniform: 6,
  softmax: 7,
  negLogAcceptance: 8,
  lk: 9,
  skewed: 10,
  reverseSkewed: 11,
} as const
export type HeadForm = keyof typeof headForms

export interface HeadGradientQuestion {
  readonly form: HeadForm
  readonly draft: TrainedRows
  readonly target?: HeadRows | undefined
  /** [K], of logits over the temperatures. */
  readonly lseDraft_K: Float32Array
  readonly lseTarget_K?: Float32Array | undefined
  /** Multiplies the row's gradient. */
  readonly weight_K: Float32Array
  /** Values at chosen tokens: added to the row's gradient, or put in its place; `weight_K` does not multiply them. */
  readonly entries?:
    | {
        readonly k: number
        readonly ids_Kk: Int32Array
        readonly delta_Kk: Float32Array
        readonly replace?: boolean
      }
    | undefined
  readonly c_K?: Float32Array | undefined
  readonly e_K?: Float32Array | undefined
  readonly a?: number | undefined
  readonly temperature?: number | undefined
  /** The target's logits are divided by it too; 1 by default. */
  readonly targetTemperature?: number | undefined
  /** Logits that a statistics pass at these temperatures has kept, and the numbers of these rows in it. */
  readonly kept?: { readonly logits: KeptLogits; readonly row_K: Int32Array } | undefined
}

/**
 * The gradient of sum_k weight_k loss_k by the draft's hidden states and, unless it is frozen, head; 0 without rows.
 * The caller owns both tensors.
 *
 * @error Error if sides do not fit, an entry is no id, or memory does not suffice
 */
export const headGradient = (
  native: Native,
  question: HeadGradientQuestion,
): { readonly gradient_Kd: tf.Tensor2D; readonly headGradient_Vd: tf.Tensor2D | undefined } => {
  const { draft, target, entries } = question
  const { N: K, V } = sizesOf(target === undefined ? [draft] : [draft, target])
  const call = gradientCall
  call.integers.fill(0n)
  call.integers[0] = precisionWord()
  call.integers[1] = BigInt(K)
  call.integers[2] = BigInt(V)
  call.integers[3] = BigInt(headForms[question.form])
  call.doubles[4] = question.temperature ?? 1
  call.doubles[5] = question.targetTemperature ?? 1
  call.doubles[6] = question.a ?? 0
  const columns = new Columns(6 + 2 * (entries?.k ?? 0), K)
  if (entries !== undefined) {
    checkedIds("entry", entries.ids_Kk, K * entries.k, V)
    const [ids, idsAt] = columns.next(Int32Array, K * entries.k)
    ids.set(entries.ids_Kk)
    const [delta, deltaAt] = columns.next(Float32Array, K * entries.k)
    delta.set(entries.delta_Kk)
    call.integers[7] = BigInt(entries.k)
    call.integers[8] = idsAt
    call.integers[9] = deltaAt
    call.integers[10] = entries.replace ? 1n : 0n
  }
  if (target !== undefined) writeSide(call, 11, target)
  writeSide(call, 15, draft)
  for (const [i, side] of [
    question.lseTarget_K,
    question.lseDraft_K,
    question.weight_K,
    question.c_K,
    question.e_K,
  ].entries()) {
    if (side === undefined) continue
    if (side.length !== K)
      throw new Error(`fused head: an array of ${side.length} numbers for ${K} rows; give one for each`)
    const [values, at] = columns.next(Float32Array, K)
    values.set(side)
    call.integers[19 + i] = at
  }
  if (question.kept !== undefined && target !== undefined) {
    const { logits, row_K } = question.kept
    const wrong = row_K.length === K ? row_K.find((n) => n < 0 || n >= logits.N) : undefined
    if (row_K.length !== K || wrong !== undefined)
      throw new Error(
        `fused head: ${wrong === undefined ? `${row_K.length} kept rows` : `kept row ${wrong}`}, expected ${K} of 0 to ${logits.N - 1}`,
      )
    const [rows, rowsAt] = columns.next(Int32Array, K)
    rows.set(row_K)
    call.integers[27] = BigInt(address(logits.memory))
    call.integers[28] = BigInt(logits.memory.size * 4)
    call.integers[29] = BigInt(logits.N)
    call.integers[30] = rowsAt
  }
  return tf.tidy(() => {
    const gradient = output([K, draft.h_Nd.shape[1]])
    const head = draft.headIsFrozen ? undefined : output([V, draft.h_Nd.shape[1]])
    call.integers[24] = BigInt(gradient.address)
    if (head !== undefined) call.integers[25] = BigInt(head.address)
    completed(
      "fused head",
      columns.during(() => native.C.winnow_head_gradient(call.integers)),
    )
    return { gradient_Kd: gradient.tensor as tf.Tensor2D, headGradient_Vd: head?.tensor as tf.Tensor2D | undefined }
  })
}
