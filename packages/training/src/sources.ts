/**
 * Sources of a text with losses of their own: the rows of one source have its loss, those of the others the stage's.
 * The filter reads the stage's loss on all rows, and all rows share one divisor, so the gradient of a batch is that of
 * each source by its share of the weights.
 *
 * Letters: E examples of the data, N valid tokens of a batch, M rows of an entry, V vocabulary, d hidden size.
 */
import type { FrozenModels, LossInstance, ModelRole } from "@winnow/core"
import type { Batch } from "@winnow/data"
import { tf } from "@winnow/tensor"
import type { Head, HeadGradient, HeadPass } from "./head/head.ts"
import type { Pass } from "./head/pass.ts"
import type { CachedSignals } from "./signals/cached.ts"

/** The losses of a text's sources. */
export interface SourceLosses {
  /** The source of each example, [E]. */
  readonly source_E: Int32Array
  /** By source, with the frozen models that it reads; undefined for the stage's loss. */
  readonly losses: ReadonlyArray<(LossInstance & { readonly models: FrozenModels }) | undefined>
}

/** The same with the head of each loss. */
export interface SourceHeads {
  readonly source_E: Int32Array
  readonly heads: ReadonlyArray<Head | undefined>
}

/** The frozen models that a stage reads, by its filter, its loss and the losses of its sources. */
export const modelsTogether = (all: ReadonlyArray<{ readonly models: FrozenModels }>): FrozenModels =>
  Object.assign({}, ...all.map(({ models }) => models))

/** The head of each row of an entry: the stage's, or that of its source, [M]. */
const headsOf = (stage: Head, { source_E, heads }: SourceHeads, batch: Batch, at_M: Int32Array | undefined) => {
  const of = (n: number): Head => heads[source_E[batch.example_B[batch.sequence_N[n]!]!]!] ?? stage
  return Array.from(at_M ?? batch.row_N.keys(), of)
}

/** Each head among those of some rows, with the weights of its own rows; a head without a weight above 0 is left out. */
export const weightsByHead = (
  stage: Head,
  sources: SourceHeads,
  batch: Batch,
  at_M: Int32Array | undefined,
  weights_M: Uint8Array | Float32Array,
): ReadonlyMap<Head, Float32Array> => {
  const byHead = new Map<Head, Float32Array>()
  for (const [m, head] of headsOf(stage, sources, batch, at_M).entries()) {
    if (weights_M[m] === 0) continue
    let own_M = byHead.get(head)
    if (own_M === undefined) byHead.set(head, (own_M = new Float32Array(weights_M.length)))
    own_M[m] = weights_M[m]!
  }
  return byHead
}

const added = <T extends tf.Tensor>(a: T | undefined, b: T | undefined): T | undefined =>
  a === undefined || b === undefined ? (a ?? b) : (tf.add(a, b) as T)

/**
 * The gradient of an entry whose rows have the losses of their sources.
 *
 * @param opened the entry's pass by the stage's head, whose statistics the filter has read
 */
export const gradientBySource =
  (stage: Head, opened: HeadPass, sources: SourceHeads, batch: Batch, pass: Pass, at_M: Int32Array | undefined) =>
  (weights_M: Uint8Array | Float32Array, scale: number): HeadGradient =>
    tf.tidy(() => {
      const parts = [...weightsByHead(stage, sources, batch, at_M, weights_M)].map(([head, own_M]) =>
        (head === stage ? opened : head.open(pass)).gradient(own_M, scale),
      )
      const { lossSum, gradient_Nd, headGradient_Vd } = parts.reduce((a, b) => ({
        lossSum: a.lossSum + b.lossSum,
        gradient_Nd: added(a.gradient_Nd, b.gradient_Nd)!,
        headGradient_Vd: added(a.headGradient_Vd, b.headGradient_Vd),
      }))
      return { lossSum, gradient_Nd, headGradient_Vd }
    })

/** The frozen models that some of the heads read, and the target's cache if one reads it. */
export const readTogether = (
  stage: Head,
  sources: SourceHeads | undefined,
): { readonly reads: ReadonlySet<ModelRole>; readonly signals: CachedSignals } => {
  if (sources === undefined) return stage
  const all = [stage, ...sources.heads.filter((head) => head !== undefined)]
  const target = all.find(({ signals }) => signals.target !== undefined)?.signals.target
  return {
    reads: new Set(all.flatMap(({ reads }) => [...reads])),
    signals: { ...stage.signals, ...(target && { target }) },
  }
}
