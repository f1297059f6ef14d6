/** The entries of a partly known target: native loops give the bits of the same loops in JavaScript; refusals. */
import { describe, expect, test } from "bun:test"
import { seeded } from "@winnow/numerics"
import { native } from "./native.ts"
import { sparseDelta, sparseLoss, sparseRowsInto } from "./sparse.ts"

const library = native()
const rng = seeded(5, "sparse")

/** Random entries of N rows; some rows of a top k have no other token. */
const entries = (kind: "top-k" | "samples", N: number, k: number) => {
  const logits_Nk = Float32Array.from({ length: N * k }, () => 4 * rng.normal())
  const logP_Nk = Float32Array.from({ length: N * k }, () => -1 - 5 * rng.uniform())
  const p_Nk = kind === "top-k" ? logP_Nk.map((x) => Math.exp(x)) : new Float32Array(N * k).fill(1 / k)
  const tail_N = Float32Array.from({ length: N }, (_, n) => (kind === "samples" || n % 4 === 1 ? 0 : rng.uniform()))
  const rest_N = Float32Array.from({ length: N }, (_, n) =>
    kind === "top-k" && n % 5 === 2 ? -3e38 : 4 + 3 * rng.normal(),
  )
  const ids_Nk = Int32Array.from({ length: N * k }, () => rng.below(1000))
  return { target: { kind, k, ids_Nk, p_Nk, logP_Nk, tail_N }, logits_Nk, rest_N }
}

/** The same loss in JavaScript. */
const plainLoss = ({ target, logits_Nk: z, rest_N }: ReturnType<typeof entries>) => {
  const { kind, k, p_Nk, logP_Nk, tail_N } = target
  const [lse_N, loss_N] = [new Float32Array(rest_N.length), new Float32Array(rest_N.length)]
  for (const [n, rest] of rest_N.entries()) {
    let [top, sum, loss] = [Number.NEGATIVE_INFINITY, 0, 0]
    for (let i = n * k; i < (n + 1) * k; i++) top = Math.max(top, z[i]!)
    for (let i = n * k; i < (n + 1) * k; i++) sum += Math.exp(z[i]! - top)
    const inside = top + Math.log(sum)
    const both = () => Math.max(inside, rest) + Math.log1p(Math.exp(-Math.abs(inside - rest)))
    const lse = kind === "samples" ? rest : rest < -1e30 ? inside : both()
    for (let i = n * k; i < (n + 1) * k; i++) loss += p_Nk[i]! * (logP_Nk[i]! - (z[i]! - lse))
    const t = tail_N[n]!
    if (kind === "top-k" && t > 0 && rest > -1e30) loss += t * (Math.log(t) - (rest - lse))
    lse_N[n] = lse
    loss_N[n] = loss
  }
  return { lse_N, loss_N }
}

describe.skipIf(library === undefined)("native (skipped: no native library)", () => {
  for (const kind of ["top-k", "samples"] as const)
    for (const [N, k] of [
      [1, 1],
      [7, 5],
      [700, 64],
    ] as const)
      test(`${kind}, N = ${N}, k = ${k}: the bits of JavaScript's loops`, () => {
        const of = entries(kind, N, k)
        const { target, logits_Nk, rest_N } = of
        const found = sparseLoss(library!, target, logits_Nk, rest_N)
        expect(found).toEqual(plainLoss(of))
        const weight_K = Float32Array.from({ length: N }, () => rng.uniform())
        const delta = Float32Array.from(logits_Nk, (z, i) => {
          const n = Math.floor(i / k)
          const q = kind === "top-k" ? Math.exp(z - found.lse_N[n]!) : 0
          return weight_K[n]! * (q - target.p_Nk[i]!)
        })
        expect(sparseDelta(library!, target, logits_Nk, found.lse_N, weight_K)).toEqual(delta)
      })

  test("rows of a cache come into their columns, in pieces", () => {
    const [N, k] = [9, 3]
    const { target } = entries("top-k", N, k)
    const rows = new Int32Array(N * 7)
    const floats = new Float32Array(rows.buffer)
    for (let n = 0; n < N; n++) {
      rows.set(target.ids_Nk.subarray(n * k, (n + 1) * k), n * 7)
      floats.set(target.logP_Nk.subarray(n * k, (n + 1) * k), n * 7 + k)
      floats[n * 7 + 6] = target.tail_N[n]!
    }
    const into = entries("top-k", N, k).target
    for (const [from, to] of [
      [0, 4],
      [4, 4],
      [4, 9],
    ] as const)
      sparseRowsInto(library!, into, new Uint8Array(rows.buffer, from * 28, (to - from) * 28), from)
    expect(into).toEqual(target)
  })

  test("arrays that do not fit are refused", () => {
    const { target, logits_Nk, rest_N } = entries("top-k", 4, 3)
    const rows =
      (bytes: number, first = 0) =>
      () =>
        sparseRowsInto(library!, target, new Uint8Array(bytes), first)
    for (const wrong of [rows(30), rows(5 * 28), rows(28, 4)]) expect(wrong).toThrow("expected whole rows among these")
    expect(() => sparseLoss(library!, target, logits_Nk.subarray(1), rest_N)).toThrow(
      "logits_Nk has 11 numbers, expected 12",
    )
    expect(() => sparseDelta(library!, target, logits_Nk, rest_N.subarray(1), rest_N)).toThrow(
      "lse_K has 3 numbers, expected 4",
    )
  })
})
