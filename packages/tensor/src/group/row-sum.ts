/**
 * The sum of a matrix of which each member touches few rows, such as the gradient of an embedding: only these rows travel.
 *
 * Letters: N rows of d numbers; M rows of a member, padded to C of them.
 */
import { rowsTouched, scatterRows } from "../ops/rows.ts"
import { tf } from "../tf.ts"
import type { Group } from "./group.ts"

/** Rows that travel: few numbers of them, since TensorFlow keeps an entry for each. @param most of a member */
const padded = (most: number): number => {
  const step = Math.max(16, 2 ** (Math.floor(Math.log2(Math.max(1, most))) - 2))
  return Math.ceil(most / step) * step
}

/** A sum in progress. It owns its tensors; `dispose` frees them. */
export class RowSum {
  /** This member's rows of the round in flight. */
  #own: { readonly ids_M: Int32Array; readonly rows_Md: tf.Tensor2D } | undefined
  /** Rows of all members on their way, C of each, of which so many count, by rank. */
  #moving:
    | {
        readonly ids: tf.Tensor1D
        readonly rows: tf.Tensor2D
        readonly C: number
        readonly counts: ReadonlyArray<number>
        readonly order: ReadonlyArray<number>
      }
    | undefined
  /** Rows of all members and rounds, in the order of addition. */
  #ids: Array<Int32Array> = []
  #rows: Array<tf.Tensor2D> = []

  constructor(
    readonly group: Group,
    readonly name: string,
    readonly shape: readonly [number, number],
  ) {}

  /** Takes this member's matrix of a round, which stays the caller's; undefined: it gives none. */
  give(x_Nd: tf.Tensor | undefined): void {
    this.#own?.rows_Md.dispose()
    this.#own = undefined
    if (x_Nd === undefined) return
    const ids_M = rowsTouched(x_Nd)
    const rows_Md = tf.tidy(() => tf.keep(tf.gather(x_Nd as tf.Tensor2D, tf.tensor1d(ids_M, "int32"))))
    this.#own = { ids_M, rows_Md }
  }

  /** Sends the rows of `give`. All members meet here. @param order ranks, in the order of addition @error GroupBroken */
  send(order: ReadonlyArray<number>): void {
    const { group, name } = this
    const [, d] = this.shape
    const own = this.#own
    const counts = group.exchange(own?.ids_M.length ?? 0) as ReadonlyArray<number>
    const C = padded(Math.max(...counts))
    if (C === 0) return
    const [ids, rows] = tf.tidy(() => {
      const M = own?.ids_M.length ?? 0
      const ids_C = new Int32Array(C)
      ids_C.set(own?.ids_M ?? [])
      const gap = tf.zeros([C - M, d]) as tf.Tensor2D
      const rows_Cd = own === undefined ? gap : tf.concat([own.rows_Md, gap], 0)
      const start = (what: string, x: tf.Tensor, shape: ReadonlyArray<number>) =>
        tf.keep(group.start("CollectiveGatherV2", `${name} ${what} ${C}`, x, shape))
      return [start("ids", tf.tensor1d(ids_C, "int32"), [group.size * C]), start("rows", rows_Cd, [group.size * C, d])]
    }) as [tf.Tensor1D, tf.Tensor2D]
    this.give(undefined)
    this.#moving = { ids, rows, C, counts, order }
  }

  /** Takes the rows that all have sent. @error GroupBroken */
  arrive(): void {
    if (this.#moving === undefined) return
    const { ids, rows, C, counts, order } = this.#moving
    this.group.wait(ids)
    this.group.wait(rows)
    const all = ids.dataSync() as Int32Array
    for (const rank of order) {
      const count = counts[rank]!
      if (count === 0) continue
      this.#ids.push(all.slice(rank * C, rank * C + count))
      this.#rows.push(tf.keep(tf.slice(rows, [rank * C, 0], [count, this.shape[1]])))
    }
    tf.dispose([ids, rows])
    this.#moving = undefined
  }

  /** The sum over all rounds; the caller disposes it. */
  total(): tf.Tensor {
    const [N, d] = this.shape
    try {
      return tf.tidy(() => {
        if (this.#rows.length === 0) return tf.zeros([N, d])
        const ids = Int32Array.from(this.#ids.flatMap((of) => [...of]))
        return scatterRows(tf.concat(this.#rows, 0), tf.tensor1d(ids, "int32"), N)
      })
    } finally {
      this.dispose()
    }
  }

  /** Frees what a sum that was not finished holds. */
  dispose(): void {
    this.give(undefined)
    if (this.#moving !== undefined) tf.dispose([this.#moving.ids, this.#moving.rows])
    this.#moving = undefined
    tf.dispose(this.#rows)
    this.#rows = []
    this.#ids = []
  }
}
