/** The fused head from TypeScript: odd sizes against loops in double, refusals, and no leaks. */
import { describe, expect, test } from "bun:test"
import { seeded } from "@winnow/numerics"
import { tf } from "../tf.ts"
import { headStatistics } from "./head.ts"
import type { TrainedRows } from "./head-call.ts"
import { headGradient } from "./head-gradient.ts"
import { native, type Precision, withPrecision } from "./native.ts"

const library = native()
const rng = seeded(3, "head")
const normal = (n: number, scale = 1) => Float32Array.from({ length: n }, () => scale * rng.normal())

/** The nearest bfloat16, ties to even. */
const bfloat16 = (x: Float32Array): Float32Array => {
  const bits = new Uint32Array(x.slice().buffer)
  for (const [i, u] of bits.entries()) bits[i] = ((u + 0x7fff + ((u >>> 16) & 1)) >>> 16) << 16
  return new Float32Array(bits.buffer)
}

interface Side {
  readonly d: number
  readonly h: Float32Array
  readonly head: Float32Array
}
const side = (N: number, V: number, d: number): Side => ({ d, h: normal(N * d), head: normal(V * d, 2 / Math.sqrt(d)) })
const rowsOf = ({ d, h, head }: Side): TrainedRows => ({
  h_Nd: tf.tensor2d(h, [h.length / d, d]),
  head_Vd: tf.tensor2d(head, [head.length / d, d]),
})

/** log softmax of row n, and its log-sum-exp, in double. */
const logP = ({ d, h, head }: Side, n: number) => {
  const V = head.length / d
  const z = new Float64Array(V)
  for (let v = 0; v < V; v++) for (let i = 0; i < d; i++) z[v]! += h[n * d + i]! * head[v * d + i]!
  let [top, sum] = [Number.NEGATIVE_INFINITY, 0]
  for (const x of z) top = Math.max(top, x)
  for (const x of z) sum += Math.exp(x - top)
  const lse = top + Math.log(sum)
  return { lse, log_V: z.map((x) => x - lse) }
}

const sizes = [
  { N: 1, V: 1, d: 1, D: 1 },
  { N: 1, V: 31, d: 8, D: 5 },
  { N: 33, V: 97, d: 33, D: 64 },
  { N: 3, V: 50257, d: 8, D: 16 },
]

describe.skipIf(library === undefined)("statistics and gradient (skipped: no native library)", () => {
  for (const precision of ["float32", "bfloat16"] as const satisfies ReadonlyArray<Precision>)
    for (const { N, V, d, D } of sizes)
      test(`${precision}, N = ${N}, V = ${V}, d = ${d}, D = ${D}`, () => {
        const before = tf.memory().numTensors
        const rounded = (s: Side): Side =>
          precision === "bfloat16" ? { ...s, h: bfloat16(s.h), head: bfloat16(s.head) } : s
        const [target, draft] = [side(N, V, D), side(N, V, d)]
        const [ofTarget, ofDraft] = [rounded(target), rounded(draft)] // The operands, rounded to the precision.
        const gold_N = Int32Array.from({ length: N }, () => rng.below(V))
        const weight_K = Float32Array.from({ length: N }, () => rng.uniform())
        tf.tidy(() =>
          withPrecision(precision, () => {
            const rows = { target: rowsOf(target), draft: rowsOf(draft) }
            const found = headStatistics(library!, {
              ...rows,
              gold_N,
              entries: { k: 1, ids_Nk: gold_N },
              ask: [
                "draft.logSumExp",
                "target.logSumExp",
                "draft.nll",
                "target.entropy",
                "draftPair.kl",
                "draft.argmax",
              ],
            })
            const { gradient_Kd, headGradient_Vd } = headGradient(library!, {
              form: "kl",
              ...rows,
              lseDraft_K: found["draft.logSumExp"],
              lseTarget_K: found["target.logSumExp"],
              weight_K,
            })
            const frozen = headGradient(library!, {
              form: "kl",
              ...rows,
              draft: { ...rows.draft, headIsFrozen: true },
              lseDraft_K: found["draft.logSumExp"],
              lseTarget_K: found["target.logSumExp"],
              weight_K,
            })
            expect(frozen.headGradient_Vd).toBeUndefined()
            expect(frozen.gradient_Kd.dataSync()).toEqual(gradient_Kd.dataSync())
            const { kept } = headStatistics(library!, { ...rows, keep: true, ask: ["target.logSumExp"] })
            const byKept = (row_K: Int32Array) =>
              headGradient(library!, {
                form: "kl",
                ...rows,
                lseDraft_K: found["draft.logSumExp"],
                lseTarget_K: found["target.logSumExp"],
                weight_K,
                kept: { logits: kept!, row_K },
              })
            const again = byKept(Int32Array.from({ length: N }, (_, n) => n))
            expect(again.gradient_Kd.dataSync()).toEqual(gradient_Kd.dataSync())
            expect(again.headGradient_Vd!.dataSync()).toEqual(headGradient_Vd!.dataSync())
            expect(() => byKept(new Int32Array(N).fill(N))).toThrow(`kept row ${N}, expected ${N} of 0 to ${N - 1}`)
            expect(() => byKept(new Int32Array(0))).toThrow(`0 kept rows, expected ${N}`)
            const dh = gradient_Kd.dataSync()
            const dHead = headGradient_Vd!.dataSync()
            const wantHead = new Float64Array(V * d)
            // Sums of V terms in float32; in bfloat16 the gradient's terms are rounded too, 2^-9 each.
            const [close, closeGradient] = [2e-5, precision === "bfloat16" ? 4e-3 : 2e-5]
            for (let n = 0; n < N; n++) {
              const [p, q] = [logP(ofTarget, n), logP(ofDraft, n)]
              let [kl, entropy] = [0, 0]
              const wantH = new Float64Array(d)
              for (let v = 0; v < V; v++) {
                const [P, Q] = [Math.exp(p.log_V[v]!), Math.exp(q.log_V[v]!)]
                kl += P * (p.log_V[v]! - q.log_V[v]!)
                entropy -= P * p.log_V[v]!
                const g = weight_K[n]! * (Q - P)
                for (let i = 0; i < d; i++) {
                  wantH[i]! += g * ofDraft.head[v * d + i]!
                  wantHead[v * d + i]! += g * ofDraft.h[n * d + i]!
                }
              }
              expect(Math.abs(found["draft.logSumExp"][n]! - q.lse)).toBeLessThan(close)
              expect(Math.abs(found["draft.nll"][n]! + q.log_V[gold_N[n]!]!)).toBeLessThan(close)
              expect(Math.abs(found.entries[n]! - q.lse - q.log_V[gold_N[n]!]!)).toBeLessThan(close)
              expect(Math.abs(found["target.entropy"][n]! - entropy)).toBeLessThan(close)
              expect(Math.abs(found["draftPair.kl"][n]! - kl)).toBeLessThan(close)
              const best = found["draft.argmax"][n]!
              for (const x of q.log_V) expect(q.log_V[best]! - x).toBeGreaterThan(-1e-5)
              for (let i = 0; i < d; i++) expect(Math.abs(dh[n * d + i]! - wantH[i]!)).toBeLessThan(closeGradient * 3)
            }
            for (let i = 0; i < V * d; i++) expect(Math.abs(dHead[i]! - wantHead[i]!)).toBeLessThan(closeGradient * 3)
          }),
        )
        expect(tf.memory().numTensors).toBe(before)
      })

  test("wrong input is refused, with the found and the expected value", () => {
    tf.tidy(() => {
      const [draft, other] = [rowsOf(side(2, 5, 3)), rowsOf(side(2, 6, 3))]
      const gold_N = Int32Array.of(0, 4)
      const ask = (question: object) => () => headStatistics(library!, { ask: ["draft.nll"], ...question } as never)
      expect(ask({ draft })).toThrow("draft.nll needs the gold tokens")
      expect(ask({ draft, gold_N: Int32Array.of(0, 5) })).toThrow("gold token 5, expected an id from 0 to 4")
      expect(ask({ draft, gold_N: Int32Array.of(0) })).toThrow("1 gold tokens, expected 2")
      expect(ask({ gold_N })).toThrow("need the draft's rows")
      expect(ask({ ask: ["draftPair.kl"], draft, target: other })).toThrow("one vocabulary on every side")
      expect(ask({ draft, gold_N, entries: { k: 2, ids_Nk: gold_N } })).toThrow("2 entry tokens, expected 4")
      const entries = { k: 1, ids_Nk: gold_N, exclude: true }
      expect(ask({ draft, entries, ask: ["draft.entropy"] })).toThrow("draft.entropy without the entries")
    })
  })

  test("no rows have no numbers, and their gradient is 0", () => {
    tf.tidy(() => {
      const draft = { h_Nd: tf.zeros([0, 3]) as tf.Tensor2D, head_Vd: tf.ones([5, 3]) as tf.Tensor2D }
      const none = new Float32Array(0)
      const ask = ["draft.logSumExp", "draft.argmax"] as const
      expect(headStatistics(library!, { draft, ask })["draft.argmax"]).toHaveLength(0)
      tf.mul(draft.head_Vd, 7).dispose() // Reused memory is not zeroed.
      const { gradient_Kd, headGradient_Vd } = headGradient(library!, {
        form: "softmax",
        draft,
        lseDraft_K: none,
        weight_K: none,
      })
      expect(gradient_Kd.shape).toEqual([0, 3])
      expect([...headGradient_Vd!.dataSync()]).toEqual(new Array(15).fill(0))
    })
  })

  test("a hidden state that is not finite makes its own row's numbers so, and no other's", () => {
    tf.tidy(() => {
      const bad = side(3, 40, 4)
      bad.h[4] = Number.NaN
      const found = headStatistics(library!, { draft: rowsOf(bad), ask: ["draft.logSumExp", "draft.entropy"] })
      for (const values of [found["draft.logSumExp"], found["draft.entropy"]])
        expect([...values].map(Number.isFinite)).toEqual([true, false, true])
    })
  })
})

test.skipIf(library === undefined)(
  "the logarithm of an acceptance that underflows is finite, and so is its gradient",
  () =>
    tf.tidy(() => {
      const rows = (z: ReadonlyArray<number>): TrainedRows => ({
        h_Nd: tf.tensor2d([...z], [1, z.length]),
        head_Vd: tf.eye(z.length) as tf.Tensor2D,
      })
      const [target, draft] = [rows([80, -80]), rows([-80, 80])]
      const ask = [
        "draftPair.logAcceptance",
        "draftPair.below",
        "draftPair.acceptance",
        "draft.logSumExp",
        "target.logSumExp",
      ] as const
      const found = headStatistics(library!, { target, draft, ask })
      // Both terms of sum min(p, q) are exp(-160).
      expect(found["draftPair.acceptance"][0]).toBeLessThan(1e-37)
      expect(found["draftPair.logAcceptance"][0]).toBeCloseTo(-160 + Math.log(2), 4)
      expect(found["draftPair.below"][0]).toBeCloseTo(0.5, 5)
      const { gradient_Kd } = headGradient(library!, {
        form: "negLogAcceptance",
        draft,
        target,
        lseDraft_K: found["draft.logSumExp"],
        lseTarget_K: found["target.logSumExp"],
        weight_K: Float32Array.of(1),
        c_K: found["draftPair.logAcceptance"],
        e_K: found["draftPair.below"],
      })
      // q (sum w) - w with q = (0, 1), w = (1/2, 0).
      const [first, second] = gradient_Kd.dataSync()
      expect(first).toBeCloseTo(-0.5, 4)
      expect(second).toBeCloseTo(0.5, 4)
    }),
)
