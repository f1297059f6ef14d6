/**
 * Calls a loss as the step calls it, on a chunk of numbers: for laws, and for a trial before any work.
 *
 * Letters: R rows of a chunk, V vocabulary, k entries a row.
 */
import { seeded } from "@winnow/numerics"
import { gradients, onFreshTape, tf } from "@winnow/tensor"
import { Categorical } from "../categorical.ts"
import type { LossInstance } from "../loss.ts"
import type { LossChunk } from "../loss-functions.ts"
import type { SparseTarget } from "../sparse-target.ts"
import { PluginFault, thrownBy } from "./fault.ts"
import { randomLogits } from "./random-batches.ts"

/** Plain numbers of one chunk, before they become tensors. */
export interface LossCase {
  readonly name: string
  readonly R: number
  readonly V: number
  /** Row-major [R, V]; float32, as the step's logits are. */
  readonly draft_RV: Float32Array
  readonly target_RV: Float32Array
  readonly gold_R: Int32Array
  readonly uniform_R: Float32Array
  readonly step: number
  readonly steps: number
}

/** The numbers of a loss for one case. */
export interface LossNumbers {
  readonly batch: ReadonlyArray<number>
  readonly value_R: Float32Array
  readonly loss_R: Float32Array | undefined
  readonly gradient_RV: Float32Array | undefined
  /** The gradient of `value`, by TFJS; left out unless requested. */
  readonly autodiff_RV: Float32Array | undefined
}

/**
 * All results of a loss for a case, as numbers.
 *
 * @param options.batch fixes the batch statistics
 * @param options.autodiff true if TFJS differentiates `value`
 * @error PluginFault (thrown) for an answer of another shape, tensors left over, and tensors of the step that are
 * disposed
 */
export const lossNumbers = (
  loss: LossInstance,
  c: LossCase,
  options: { readonly batch?: ReadonlyArray<number> | undefined; readonly autodiff: boolean },
): LossNumbers => {
  const plugin = `loss ${loss.name}`
  const tensors = tf.memory().numTensors
  let numbers!: LossNumbers
  tf.tidy(() => {
    const draft = tf.tensor2d(c.draft_RV, [c.R, c.V])
    const target = loss.target ? tf.tensor2d(c.target_RV, [c.R, c.V]) : undefined
    const gold_R = tf.tensor1d(c.gold_R, "int32")
    const chunk = (of: tf.Tensor2D, batch: ReadonlyArray<number>): LossChunk => ({
      draft: new Categorical(of),
      target: target && new Categorical(target),
      gold_R,
      uniform_R: c.uniform_R,
      step: c.step,
      steps: c.steps,
      batch,
    })
    let { batch } = options
    if (batch === undefined && loss.batch !== undefined) {
      const rows_RM = loss.batch.rows(chunk(draft, []))
      batch = loss.batch.combine(Float64Array.from(tf.sum(rows_RM, 0).dataSync()), c.R)
    }
    const of = batch ?? []
    const value = loss.value(chunk(draft, of))
    const both = loss.gradient?.(chunk(draft, of))
    const autodiff = options.autodiff
      ? onFreshTape(() => differentiated(plugin, () => gradients(() => tf.sum(loss.value(chunk(draft, of))), [draft])))
      : undefined
    if ([draft, gold_R, ...(target ? [target] : [])].some(({ isDisposed }) => isDisposed))
      throw new PluginFault(plugin, "input untouched", "disposed a tensor of its chunk, which belongs to the step")
    numbers = {
      batch: of,
      value_R: value.dataSync() as Float32Array,
      loss_R: both?.loss_R.dataSync() as Float32Array | undefined,
      gradient_RV: both?.gradient_RV.dataSync() as Float32Array | undefined,
      autodiff_RV: autodiff?.dataSync() as Float32Array | undefined,
    }
  })
  const left = tf.memory().numTensors - tensors
  if (left !== 0)
    throw new PluginFault(plugin, "no leak", `leaves ${left} tensors more after the tidy than before; do not tf.keep`)
  return numbers
}

/** Autodiff of a value; a value that TFJS cannot differentiate is a fault of the loss. */
const differentiated = (
  plugin: string,
  run: () => { readonly gradients: ReadonlyArray<tf.Tensor | undefined> },
): tf.Tensor => {
  try {
    const [gradient] = run().gradients
    if (gradient !== undefined) return gradient
  } catch (cause) {
    throw thrownBy(plugin, "autodiff of value", cause)
  }
  throw new PluginFault(
    plugin,
    "gradient",
    "value does not depend on the draft's logits, as far as TFJS can differentiate it; use ops that it can, or give `gradient`",
  )
}

/** Gradients may differ only by rounding: sums of V terms in single precision. */
const tolerance = 1e-3

const notFinite = (values: Float32Array): number => values.findIndex((x) => !Number.isFinite(x))

/**
 * A chunk of plain logits with a few near certainties, as drafts and targets have. It has 64 rows, so that a loss that
 * draws one token a row draws good and bad ones.
 */
export const trialCase = (V: number, R = 64): LossCase => {
  const rng = seeded(1, "trial", "loss", V)
  return {
    name: "trial",
    R,
    V,
    draft_RV: randomLogits(R, V, 1, rng),
    target_RV: randomLogits(R, V, 3, rng),
    gold_R: Int32Array.from({ length: R }, () => rng.below(V)),
    uniform_R: Float32Array.from({ length: R }, () => rng.uniform()),
    step: 2,
    steps: 5,
  }
}

/**
 * Runs a loss on one small random chunk: value, gradient (by autodiff if it has no closed form), batch statistics.
 *
 * The rules: shapes [R], [R, V] and [R, M]; finite numbers; `value` and the `loss_R` of `gradient` are the same; a
 * gradient of 0 everywhere only if the derivative of `value` is 0 too; no tensor left over, none of the step's
 * disposed.
 *
 * @error PluginFault (thrown) with the broken rule
 */
export const tryLoss = (loss: LossInstance, V: number): LossNumbers => {
  const plugin = `loss ${loss.name}`
  const broken = (rule: string, detail: string) => new PluginFault(plugin, rule, detail)
  const c = trialCase(V)
  const numbers = lossNumbers(loss, c, { autodiff: loss.gradient === undefined })
  const { batch, value_R, loss_R, gradient_RV, autodiff_RV } = numbers
  const odd = batch.findIndex((x) => !Number.isFinite(x))
  if (odd >= 0) throw broken("batch", `batch.combine returned ${batch[odd]} at ${odd}; expected finite numbers`)
  for (const [what, values] of [
    ["value", value_R],
    ["gradient's loss_R", loss_R],
    ["gradient's gradient_RV", gradient_RV],
    ["autodiff of value", autodiff_RV],
  ] as const) {
    if (values === undefined) continue
    const at = notFinite(values)
    if (at < 0) continue
    const row = values.length === c.R ? at : Math.floor(at / V)
    throw broken(
      "finite",
      `${what} gave ${values[at]} in row ${row} for finite logits; expected finite numbers: take logarithms from the logits (logP_RV)`,
    )
  }
  const apart =
    loss_R?.findIndex((x, r) => !(Math.abs(x - value_R[r]!) <= tolerance * (1 + Math.abs(value_R[r]!)))) ?? -1
  if (apart >= 0)
    throw broken(
      "value with gradient",
      `gradient gave loss_R ${loss_R![apart]} in row ${apart}, value ${value_R[apart]}; expected the same`,
    )
  if (
    gradient_RV &&
    isFlat(numbers) &&
    !isFlat({ ...lossNumbers(loss, c, { autodiff: true }), gradient_RV: undefined })
  )
    throw broken(
      "gradient",
      "the gradient is 0 everywhere, and the derivative of value is not; expected d value / d logits",
    )
  return numbers
}

/** True if the gradient of a trial is 0 in every entry: a loss may be flat there by its nature, or by mistake. */
export const isFlat = ({ gradient_RV, autodiff_RV }: LossNumbers): boolean =>
  (gradient_RV ?? autodiff_RV!).every((x) => x === 0)

/** The first k tokens of each row's target by probability, or as if drawn: the content of a cache of signals. */
const sparseTarget = (c: LossCase, kind: SparseTarget["kind"], k: number): SparseTarget => {
  const target = new Categorical(tf.tensor2d(c.target_RV, [c.R, c.V]))
  const { indices } = tf.topk(target.logits_RV, k)
  const logP_Rk = tf.gather(target.logP_RV(), indices as tf.Tensor2D, 1, 1) as tf.Tensor2D
  const p_Rk = tf.exp(logP_Rk) as tf.Tensor2D
  const top = kind === "top-k"
  return {
    kind,
    ids_Rk: indices as tf.Tensor2D,
    weight_Rk: top ? p_Rk : (tf.fill([c.R, k], 1 / k) as tf.Tensor2D),
    logP_Rk,
    tail_R: (top ? tf.relu(tf.sub(1, tf.sum(p_Rk, 1))) : tf.zeros([c.R])) as tf.Tensor1D,
  }
}

/** Runs the sparse form of a loss on one small random chunk. @error PluginFault (thrown) with the broken rule */
export const trySparse = (loss: LossInstance, V: number, kind: SparseTarget["kind"]): void => {
  const plugin = `loss ${loss.name}`
  const { sparse } = loss
  if (sparse === undefined) return
  const c = trialCase(V)
  const [value_R, loss_R, gradient_RV] = tf.tidy(() => {
    const target = sparseTarget(c, kind, Math.min(4, V))
    const gold_R = tf.tensor1d(c.gold_R, "int32")
    const { step, steps } = c
    const chunk = () => ({
      ...{ draft: new Categorical(tf.tensor2d(c.draft_RV, [c.R, V])), sparse: target, gold_R, step, steps },
    })
    const value = sparse.value(chunk())
    const both = sparse.gradient(chunk())
    return [value, both.loss_R, both.gradient_RV].map((x) => x.dataSync() as Float32Array) as never
  }) as unknown as readonly [Float32Array, Float32Array, Float32Array]
  for (const [what, values] of [
    ["sparse.value", value_R],
    ["sparse.gradient's loss_R", loss_R],
    ["sparse.gradient's gradient_RV", gradient_RV],
  ] as const) {
    const at = notFinite(values)
    if (at >= 0)
      throw new PluginFault(plugin, "finite", `${what} gave ${values[at]} for finite logits; expected finite numbers`)
  }
  const apart = loss_R.findIndex((x, r) => !(Math.abs(x - value_R[r]!) <= tolerance * (1 + Math.abs(value_R[r]!))))
  if (apart >= 0)
    throw new PluginFault(
      plugin,
      "value with gradient",
      `sparse.gradient gave loss_R ${loss_R[apart]} in row ${apart}, sparse.value ${value_R[apart]}; expected the same`,
    )
}
