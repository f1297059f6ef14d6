/**
 * The head of a stage: the computation of the valid rows' statistics and of the kept rows' gradient, chosen once.
 *
 * Letters: N valid rows, K kept rows, V vocabulary, d hidden size of the draft.
 */
import {
  type FilterInstance,
  type LossInstance,
  type ModelRole,
  modelsRead,
  type OwnStatistic,
  type Statistic,
  type Statistics,
  statistics,
} from "@winnow/core"
import { type Native, native, type Precision, scatterRows, tf } from "@winnow/tensor"
import type { CachedSignals } from "../signals/cached.ts"
import { partOf } from "../signals/forms.ts"
import type { HeadFormName, Read, Reading } from "./form.ts"
import { nativeForm, nativeStatistics } from "./native.ts"
import { sampledForm } from "./native-sampled.ts"
import { sparseForm } from "./native-sparse.ts"
import { keptRows, type Pass, takePass } from "./pass.ts"
import { plainForm } from "./plain.ts"

/** The inputs of the choice of a head. */
export interface HeadSetting {
  readonly filter: Pick<FilterInstance, "needs">
  readonly loss: LossInstance
  /** Signals of frozen models from caches; a model without a cache is run. */
  readonly signals?: CachedSignals | undefined
  /** Rounding of matrix products; float32 by default. */
  readonly precision?: Precision | undefined
  /** Rows of a chunk of logits; left out: by the vocabulary. */
  readonly chunkRows?: number | undefined
  /** The native library, false for none; left out: the available one. */
  readonly library?: Native | false | undefined
}

/** The choice, for a record: equal settings give equal choices. */
export interface HeadChoice {
  readonly loss: HeadFormName
  /** "none" if the filter needs no statistic of a step. */
  readonly statistics: HeadFormName | "none"
  /** Precision of the matrix products. bfloat16 needs the native library. */
  readonly precision: Precision
}

/** The gradient of a pass. The caller owns both tensors. */
export interface HeadGradient {
  /** sum_n weights_n loss_n (before any division). */
  readonly lossSum: number
  /** d lossSum / d h times `scale`, [N, d]; zero where a row was dropped. */
  readonly gradient_Nd: tf.Tensor2D
  /** d lossSum / d head times `scale`, [V, d]; undefined for a frozen head. */
  readonly headGradient_Vd: tf.Tensor2D | undefined
}

/** A pass whose statistics are computed. */
export interface HeadPass {
  /** Only the statistics that the filter needs. */
  readonly statistics: Partial<Statistics>
  /**
   * @param weights_N 0 for a dropped row; at least one above 0
   * @param scale factor on both gradients, such as 1 / the sum of weights
   */
  readonly gradient: (weights_N: Uint8Array | Float32Array, scale: number) => HeadGradient
}

export interface Head {
  readonly loss: LossInstance
  /** The caches that the head reads; a step reads no other. */
  readonly signals: CachedSignals
  readonly choice: HeadChoice
  /** The models whose rows a pass must have, from the model or from a cache. */
  readonly reads: ReadonlySet<ModelRole>
  /**
   * Computes the statistics of a pass.
   *
   * @error Error if the pass lacks the rows of a model that is read (the types of `defineFilter` rule it out)
   */
  readonly open: (pass: Pass) => HeadPass
}

/** The form of each half. */
interface Halves {
  readonly loss: HeadFormName
  readonly statistics: HeadFormName
  readonly read: Read
}

/**
 * Chooses the forms. Without the native library, and for a target of cached logits, both are chunks of logits. For a
 * partly known target the native head computes only forward KL at temperature 1. Else a loss is native if it declares a
 * `fused` form, and the statistics are native if each has a native form: one without it needs logits, which then serve
 * all.
 */
const choose = (
  names: ReadonlyArray<Statistic>,
  loss: LossInstance,
  signals: CachedSignals,
  library: Native | undefined,
  chunkRows: number | undefined,
): Halves => {
  const plain = plainForm(loss, chunkRows)
  const all = (name: HeadFormName, read: Read): Halves => ({ loss: name, statistics: name, read })
  const { fused, sparse } = loss
  const form = loss.target || modelsRead(names, loss).has("target") ? signals.target?.form : undefined
  if (library === undefined || form === "full") return all("plain", plain)
  const isNative = names.every((name) => {
    const { lossOf, native } = statistics[name] as OwnStatistic
    return lossOf !== undefined ? fused !== undefined : native !== undefined
  })
  if (form !== undefined && partOf(form) !== undefined) {
    const knows = isNative && sparse !== undefined && fused?.form === "kl" && fused.temperature === 1
    return knows ? all("native-sparse", sparseForm(library, fused)) : all("plain", plain)
  }
  if (fused === undefined) {
    if (!isNative) return all("plain", plain)
    const read: Read = (pass, names) => ({
      statistics: nativeStatistics(library, pass, names),
      gradient: plain(pass, []).gradient,
    })
    return { loss: "plain", statistics: "native", read }
  }
  const [name, ofLoss] =
    fused.form === "sampled-rewards"
      ? (["native-sampled", sampledForm(library, fused)] as const)
      : (["native", nativeForm(library, fused)] as const)
  if (isNative) return all(name, ofLoss)
  const read: Read = (pass, names) => ({
    statistics: plain(pass, names).statistics,
    gradient: ofLoss(pass, []).gradient,
  })
  return { loss: name, statistics: "plain", read }
}

/** Loss and gradient of the rows with a weight above 0, scattered back to all rows. */
const keptGradient = (
  reading: Reading,
  pass: Pass,
  loss: LossInstance,
  weights_N: Uint8Array | Float32Array,
  scale: number,
): HeadGradient => {
  const kept_K = keptRows(weights_N)
  const [K, N] = [kept_K.length, weights_N.length]
  return tf.tidy(() => {
    const index_K = tf.tensor1d(kept_K, "int32")
    const rowScale_K = Float32Array.from(kept_K, (n) => weights_N[n]! * scale)
    const kept = takePass(pass, kept_K, index_K, loss.target)
    const { loss_K, gradient_Kd, headGradient_Vd } = reading.gradient(kept, kept_K, rowScale_K)
    let lossSum = 0
    for (let k = 0; k < K; k++) lossSum += loss_K[k]! * weights_N[kept_K[k]!]!
    const gradient_Nd = K === N ? gradient_Kd : scatterRows(gradient_Kd, index_K, N)
    return { lossSum, gradient_Nd, headGradient_Vd }
  })
}

/** Chooses the head of a stage by its filter's needs, its loss, the form of its signals and the native library. */
export const headFor = (setting: HeadSetting): Head => {
  const { filter, loss, signals = {}, precision = "float32", chunkRows } = setting
  const library = setting.library === false ? undefined : (setting.library ?? native())
  const cachedStatistics: ReadonlyArray<Statistic> = signals.reference?.statistics ?? []
  const names = filter.needs.filter((name) => !cachedStatistics.includes(name))
  const inStatistics = modelsRead(names, loss)
  const reads: ReadonlySet<ModelRole> = loss.target ? new Set([...inStatistics, "target"]) : inStatistics
  const { read, ...halves } = choose(names, loss, signals, library, chunkRows)
  const missing = (model: string) =>
    new Error(`the statistics ${names.join(", ")} need a ${model}, and this arm has none: give the arm a ${model}`)
  return {
    loss,
    signals: {
      ...(signals.target !== undefined && reads.has("target") && { target: signals.target }),
      ...(signals.reference !== undefined && names.length < filter.needs.length && { reference: signals.reference }),
      ...(signals.states !== undefined && { states: signals.states }),
    },
    reads,
    choice: {
      loss: halves.loss,
      statistics: names.length === 0 ? "none" : halves.statistics,
      precision: library === undefined ? "float32" : precision,
    },
    open: (pass) => {
      if (inStatistics.has("reference") && pass.reference === undefined) throw missing("reference")
      if (inStatistics.has("target") && pass.target === undefined && pass.cached === undefined) throw missing("target")
      const reading = read(pass, names)
      return {
        statistics: { ...pass.known, ...reading.statistics },
        gradient: (weights_N, scale) => keptGradient(reading, pass, loss, weights_N, scale),
      }
    },
  }
}
