/**
 * Caches of signals in the form that the training step reads: for a batch, the target's rows and the reference's
 * losses.
 *
 * Letters: N valid tokens of a batch, k entries a token, V vocabulary, D hidden size of the target.
 */

import { DataError, type ReferenceStatistic, type SparseRows } from "@winnow/core"
import type { Batch } from "@winnow/data"
import { fromBfloat16 } from "@winnow/numerics"
import { fillTensor, native, sparseRowsInto, tensorFromBytes, tf } from "@winnow/tensor"
import type { ReferenceLosses, Rows } from "../head/pass.ts"
import type { CachedForm } from "./forms.ts"
import type { OpenSignals } from "./read.ts"
import type { CachedRows } from "./rows.ts"
import type { CachedStates } from "./states.ts"

/** The target of a batch: hidden states and a head, as from a model, or another content of a cache. */
export type TargetRows = { readonly hidden: Rows } | { readonly cached: CachedRows }

/** The target's signals from a cache. */
export interface CachedTarget {
  readonly form: CachedForm
  /** Called inside the micro-batch's tidy. @error DataError (thrown) for a damaged cache */
  readonly rows: (batch: Batch) => TargetRows
  /** Frees the head that hidden states come with; the other forms hold no tensor. */
  readonly dispose: () => void
}

/** The reference's statistics from a cache. */
export interface CachedReference {
  readonly statistics: ReadonlyArray<ReferenceStatistic>
  /** @error DataError (thrown) for a damaged cache */
  readonly losses: (batch: Batch) => ReferenceLosses
}

/** The signals that a step reads in place of frozen models; each may be there without the other. */
export interface CachedSignals {
  readonly target?: CachedTarget
  readonly reference?: CachedReference
  /** The target's states for the head that is trained on them. */
  readonly states?: CachedStates
}

const words = (bytes: Uint8Array) => new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
const floats = (bytes: Uint8Array) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
const halves = (bytes: Uint8Array) => new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)

/** Ids, log p and the tail of some rows, from row `first` on, without native code. */
const plainRows = ({ kind, k, ids_Nk, p_Nk, logP_Nk, tail_N }: SparseRows, bytes: Uint8Array, first: number): void => {
  const tail = kind === "top-k"
  const perToken = 2 * k + (tail ? 1 : 0)
  const [ids, values] = [words(bytes), floats(bytes)]
  for (let n = first, at = 0; at < ids.length; n++, at += perToken) {
    ids_Nk.set(ids.subarray(at, at + k), n * k)
    logP_Nk.set(values.subarray(at + k, at + 2 * k), n * k)
    if (!tail) continue
    tail_N[n] = values[at + 2 * k]!
    for (let i = n * k; i < (n + 1) * k; i++) p_Nk[i] = Math.exp(logP_Nk[i]!)
  }
}

const sparseRows = (signals: OpenSignals, batch: Batch, kind: SparseRows["kind"], k: number): SparseRows => {
  const N = batch.row_N.length
  const entries = <A>(of: new (length: number) => A) => new of(N * k)
  const rows: SparseRows = {
    ...{ kind, k, ids_Nk: entries(Int32Array), p_Nk: entries(Float32Array), logP_Nk: entries(Float32Array) },
    tail_N: new Float32Array(N),
  }
  const library = native()
  signals.rows(batch, (bytes, first) => {
    if (library === undefined) plainRows(rows, bytes, first)
    else sparseRowsInto(library, rows, bytes, first)
  })
  if (kind === "samples") rows.p_Nk.fill(1 / k)
  return rows
}

const tableOf = (signals: OpenSignals): NonNullable<ReturnType<OpenSignals["table"]>> => {
  const table = signals.table()
  if (table === undefined)
    throw new DataError({
      message: `${signals.directory} has no head beside its hidden states; compute the cache again`,
    })
  return table
}

/** The target from a cache. @error DataError (thrown) if the head of hidden states is missing or damaged */
export const cachedTarget = (signals: OpenSignals, form: CachedForm): CachedTarget => {
  const nothing = () => {}
  if (form === "hidden") {
    const { shape, bytes, logitCap } = tableOf(signals)
    const head_Vd = tf.keep(tensorFromBytes(bytes, shape, "float32")) as tf.Tensor2D
    const D = shape[1]!
    return {
      form,
      rows: (batch) => {
        const h_Nd = fillTensor([batch.row_N.length, D], "float32", (values) =>
          signals.rows(batch, (bytes, n) => {
            const from = halves(bytes)
            fromBfloat16(from, (values as Float32Array).subarray(n * D, n * D + from.length))
          }),
        )
        return { hidden: { h_Nd: h_Nd as tf.Tensor2D, head_Vd, logitCap } }
      },
      dispose: () => head_Vd.dispose(),
    }
  }
  if (form === "full") {
    const V = signals.header.bytesPerToken / 4
    return {
      form,
      rows: (batch) => {
        const row_N: Array<Float32Array> = []
        signals.rows(batch, (bytes, n) => {
          const all = floats(bytes)
          for (let r = 0; r * V < all.length; r++) row_N[n + r] = all.subarray(r * V, (r + 1) * V)
        })
        return { cached: { kind: "full", V, row: (n) => row_N[n]! } }
      },
      dispose: nothing,
    }
  }
  const [kind, k] = "topK" in form ? (["top-k", form.topK] as const) : (["samples", form.samples] as const)
  return { form, rows: (batch) => ({ cached: sparseRows(signals, batch, kind, k) }), dispose: nothing }
}

/** The reference's losses from a cache of these statistics, one float32 each a token, in this order. */
export const cachedReference = (signals: OpenSignals, names: ReadonlyArray<ReferenceStatistic>): CachedReference => ({
  statistics: names,
  losses: (batch) => {
    const M = names.length
    const losses = names.map(() => new Float32Array(batch.row_N.length))
    signals.rows(batch, (bytes, first) => {
      const values = floats(bytes)
      for (let i = 0; i < values.length; i++) losses[i % M]![first + Math.floor(i / M)] = values[i]!
    })
    return Object.fromEntries(names.map((name, m) => [name, losses[m]!]))
  },
})
