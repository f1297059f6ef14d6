/** KL from k known tokens a row, against its definition in double precision. */
import { describe, expect, test } from "bun:test"
import { Categorical, type SparseChunk } from "@winnow/core"
import { logSoftmax, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { sparseKl } from "./sparse.ts"

const [R, V] = [5, 17]
const rng = seeded(1, "sparse kl")
const logits = (scale: number) => Float32Array.from({ length: R * V }, () => scale * rng.normal())
const [draft, target] = [logits(2), logits(3)]
const row = (values: Float32Array, r: number) => values.subarray(r * V, (r + 1) * V)
const logP = Array.from({ length: R }, (_, r) => logSoftmax(row(target, r)))
const logQ = (values: Float32Array) => Array.from({ length: R }, (_, r) => logSoftmax(row(values, r)))

/** Entries of every row: the top k in order, or the tokens that `choose` returns. */
const entries = (choose: (r: number) => ReadonlyArray<number>) => Array.from({ length: R }, (_, r) => choose(r))
const top = (k: number) =>
  entries((r) =>
    Array.from({ length: V }, (_, v) => v)
      .sort((a, b) => logP[r]![b]! - logP[r]![a]!)
      .slice(0, k),
  )
const tailOf = (r: number, ids: ReadonlyArray<number>) =>
  logP[r]!.reduce((sum, l, v) => sum + (ids.includes(v) ? 0 : Math.exp(l)), 0)

const chunk = (kind: "top-k" | "samples", ids: ReadonlyArray<ReadonlyArray<number>>, z = draft): SparseChunk => {
  const k = ids[0]!.length
  const each = (of: (r: number, id: number) => number) =>
    tf.tensor2d(
      ids.map((row, r) => row.map((id) => of(r, id))),
      [R, k],
    )
  return {
    draft: new Categorical(tf.tensor2d(z, [R, V])),
    gold_R: tf.zeros([R], "int32"),
    step: 0,
    steps: 1,
    sparse: {
      kind,
      ids_Rk: tf.tensor2d(ids as Array<Array<number>>, [R, k], "int32"),
      weight_Rk: each((r, id) => (kind === "samples" ? 1 / k : Math.exp(logP[r]![id]!))),
      logP_Rk: each((r, id) => logP[r]![id]!),
      tail_R: tf.tensor1d(ids.map((row, r) => (kind === "samples" ? 0 : tailOf(r, row)))),
    },
  }
}

/** The definition: known tokens one by one, all others as one. */
const defined = (
  kind: "top-k" | "samples",
  ids: ReadonlyArray<ReadonlyArray<number>>,
  z: Float32Array,
): Array<number> => {
  const q = logQ(z)
  return ids.map((row, r) => {
    const weight = (id: number) => (kind === "samples" ? 1 / row.length : Math.exp(logP[r]![id]!))
    const known = row.reduce((sum, id) => sum + weight(id) * (logP[r]![id]! - q[r]![id]!), 0)
    const tail = kind === "samples" ? 0 : tailOf(r, row)
    const rest = q[r]!.reduce((sum, l, v) => sum + (row.includes(v) ? 0 : Math.exp(l)), 0)
    return known + (tail > 0 ? tail * Math.log(tail / rest) : 0)
  })
}

const cases = {
  "the top 1": ["top-k", top(1)],
  "the top 6": ["top-k", top(6)],
  "the top V: the whole KL": ["top-k", top(V)],
  "samples, some drawn twice": ["samples", entries((r) => [r, 3, 3, 8, 3, 16])],
} as const

describe("value and gradient are those of the definition", () => {
  for (const [name, [kind, ids]] of Object.entries(cases))
    test(name, () => {
      const before = tf.memory().numTensors
      const found = tf.tidy(() => {
        const { loss_R, gradient_RV } = sparseKl.gradient(chunk(kind, ids))
        return {
          loss: loss_R.dataSync(),
          gradient: gradient_RV.dataSync(),
          value: sparseKl.value(chunk(kind, ids)).dataSync(),
        }
      })
      expect(tf.memory().numTensors).toBe(before)
      const expected = defined(kind, ids, draft)
      for (const [r, loss] of expected.entries()) {
        expect(found.loss[r]!).toBeCloseTo(loss, 5)
        expect(found.value[r]!).toBeCloseTo(loss, 5)
      }
      const h = 2 ** -8
      for (let i = 0; i < R * V; i++) {
        const at = (by: number) => defined(kind, ids, draft.with(i, draft[i]! + by))[Math.floor(i / V)]!
        // A central difference with Richardson's extrapolation: exact to 1e-9 here.
        const slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
        expect(found.gradient[i]!).toBeCloseTo(slope, 5)
      }
    })
})

test("against the full KL: no more than it, and a gradient that is off by 2 tails at most", () => {
  const whole = defined("top-k", top(V), draft)
  const gradient = (k: number) => tf.tidy(() => sparseKl.gradient(chunk("top-k", top(k))).gradient_RV.dataSync())
  const full = gradient(V)
  for (const k of [1, 2, 5, 12]) {
    const part = gradient(k)
    for (const [r, loss] of defined("top-k", top(k), draft).entries()) {
      expect(loss).toBeLessThanOrEqual(whole[r]! + 1e-9)
      let off = 0
      for (let v = 0; v < V; v++) off += Math.abs(part[r * V + v]! - full[r * V + v]!)
      expect(off).toBeLessThanOrEqual(2 * tailOf(r, top(k)[r]!) + 1e-5)
    }
  }
})

test("a draft that has no mass outside the top k has a finite loss and gradient", () => {
  const ids = top(2)
  const certain = Float32Array.from(draft, (_, i) => (ids[Math.floor(i / V)]!.includes(i % V) ? 0 : -200))
  const [loss, gradient] = tf.tidy(() => {
    const found = sparseKl.gradient(chunk("top-k", ids, certain))
    return [found.loss_R.dataSync(), found.gradient_RV.dataSync()]
  })
  for (const x of [...loss!, ...gradient!]) expect(Number.isFinite(x)).toBe(true)
})
