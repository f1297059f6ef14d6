/**
 * Forward KL by the native head with a partly known target: k tokens a row from a cache, without a product for the
 * target.
 *
 * Letters: N rows, k entries a row; p target, q draft; Q the draft's mass outside a top k, t the target's.
 */
import type { FusedLoss, OwnStatistic, SparseRows, Statistic } from "@winnow/core"
import {
  type Entries,
  type HeadRows,
  headGradient,
  headStatistics,
  type Native,
  sparseDelta,
  sparseLoss,
  type TrainedRows,
} from "@winnow/tensor"
import { take } from "../take.ts"
import type { Read } from "./form.ts"
import { answersOf, lossesAmong, othersAmong, question } from "./native.ts"
import type { Pass } from "./pass.ts"
import { scaled } from "./recipe.ts"

/** The head's results for one model at the entries. */
interface SparseFound {
  /** Log-sum-exp of all logits. */
  readonly lse_N: Float32Array
  /** Log-sum-exp of the tokens without an entry; for samples, of all tokens. */
  readonly rest_N: Float32Array
  /** Logits of the entries, [N, k]. */
  readonly logits_Nk: Float32Array
  readonly loss_N: Float32Array
}

/** A value below it means that no token is outside the entries. */
const NOTHING = -1e30

/** The loss of each row of a model in the draft's place, with the inputs of its gradient. */
const sparseLossOf = (library: Native, rows: HeadRows, cached: SparseRows): SparseFound => {
  const entries: Entries = { k: cached.k, ids_Nk: cached.ids_Nk, exclude: cached.kind === "top-k" }
  const answers = headStatistics(library, { draft: rows, entries, ask: ["draft.logSumExp"] })
  const [rest_N, logits_Nk] = [answers["draft.logSumExp"], answers.entries]
  return { rest_N, logits_Nk, ...sparseLoss(library, cached, logits_Nk, rest_N) }
}

/** The head's results for the kept rows only. */
const takeFound = ({ lse_N, rest_N, logits_Nk, loss_N }: SparseFound, kept_K: Int32Array): SparseFound => ({
  lse_N: take(lse_N, kept_K),
  rest_N: take(rest_N, kept_K),
  logits_Nk: take(logits_Nk, kept_K, logits_Nk.length / lse_N.length),
  loss_N: take(loss_N, kept_K),
})

/**
 * The gradient of the kept rows: q - p at a top k's entries and q - t q / Q elsewhere; for samples q - their
 * frequencies.
 *
 * Elsewhere it is computed as (Q - t) exp(z - log-sum-exp of the rest), which stays exact for a small Q.
 */
const sparseGradient = (
  library: Native,
  draft: TrainedRows,
  cached: SparseRows,
  results: SparseFound,
  weight_K: Float32Array,
) => {
  const { kind, k, ids_Nk, tail_N } = cached
  const K = weight_K.length
  const top = kind === "top-k"
  const delta_Kk = sparseDelta(library, cached, results.logits_Nk, results.lse_N, weight_K)
  // No token is outside the entries: the log-sum-exp must be a number for which exp(z - it) is finite, and the factor
  // is 0.
  const nothing = (n: number) => results.rest_N[n]! < NOTHING
  return headGradient(library, {
    form: "softmax",
    draft,
    lseDraft_K: top ? results.rest_N.map((rest, n) => (nothing(n) ? results.lse_N[n]! : rest)) : results.lse_N,
    weight_K,
    c_K: top
      ? results.rest_N.map((rest, n) => (nothing(n) ? 0 : Math.exp(rest - results.lse_N[n]!) - tail_N[n]!))
      : new Float32Array(K).fill(1),
    entries: { k, ids_Kk: ids_Nk, delta_Kk, replace: top },
  })
}

/** The form of a statistic that reads a partly known target; undefined for the others. */
const partOf = ({ reads, from }: OwnStatistic, kind: SparseRows["kind"]) =>
  // A statistic without such a form was refused before any work.
  reads.includes("target") ? from![kind]!.native : undefined

const ownStatistics = (library: Native, pass: Pass, cached: SparseRows, names: ReadonlyArray<Statistic>) => {
  const entries = othersAmong(names)
  const ask = [...new Set(entries.flatMap((entry) => (partOf(entry, cached.kind) ?? entry.native!).ask))]
  if (ask.length === 0) return {}
  const answers = headStatistics(library, { ...question(pass), ask })
  const whole = entries.filter((entry) => partOf(entry, cached.kind) === undefined)
  const out = answersOf(whole, answers)
  for (const entry of entries) {
    const part = partOf(entry, cached.kind)
    if (part !== undefined) out[entry.name] = part.of(answers, cached)
  }
  return out
}

/** The rows of the pass, in the form that the head was chosen for. */
const sparseRows = ({ cached }: Pass): SparseRows => {
  if (cached !== undefined && cached.kind !== "full") return cached
  throw new Error("the head was chosen for a part of the target, and the batch has none")
}

/**
 * Statistics and gradient of forward KL from a part of the target. The gradient reuses the results of the statistics.
 */
export const sparseForm =
  (library: Native, { factor }: Extract<FusedLoss, { form: "kl" }>): Read =>
  (pass, names) => {
    let results: SparseFound | undefined
    const statistics: Partial<Record<Statistic, Float32Array>> = {}
    for (const which of lossesAmong(names)) {
      const result = sparseLossOf(library, pass[which]!, sparseRows(pass))
      if (which === "draft") results = result
      statistics[`${which}Loss_N`] = scaled(result.loss_N, factor)
    }
    return {
      statistics: { ...statistics, ...ownStatistics(library, pass, sparseRows(pass), names) },
      gradient: (kept, kept_K, rowScale_K) => {
        const rows = sparseRows(kept)
        const result = results === undefined ? sparseLossOf(library, kept.draft, rows) : takeFound(results, kept_K)
        return {
          loss_K: scaled(result.loss_N, factor),
          ...sparseGradient(library, kept.draft, rows, result, scaled(rowScale_K, factor)),
        }
      },
    }
  }
