/**
 * TVD++ on sampled tokens by the native head, which draws them while the logits are in the processor's cache.
 *
 * Letters: N rows, K kept rows, S draws a row; q draft (or the reference in its place), r rewards.
 */
import type { FusedLoss, Statistic } from "@winnow/core"
import { type HeadRows, headGradient, headStatistics, type Native, type TrainedRows } from "@winnow/tensor"
import { take } from "../take.ts"
import type { Read } from "./form.ts"
import { lossesAmong, nativeStatistics, othersAmong } from "./native.ts"
import { batchMoments } from "./recipe.ts"

type SampledLoss = Extract<FusedLoss, { form: "sampled-rewards" }>

/** The samples of a pass, [N, S] each. */
interface SampledFound {
  readonly lse_N: Float32Array
  readonly ids_NS: Int32Array
  readonly logQ_NS: Float32Array
  readonly reward_NS: Float32Array
}

/** Draws from a model's rows. */
const drawSampled = (
  library: Native,
  { samples }: SampledLoss,
  rows: HeadRows,
  target: HeadRows,
  uniform_N: Float32Array,
): SampledFound => {
  const draws = { samples, uniform_N }
  const answers = headStatistics(library, { draft: rows, target, draws, ask: ["draft.logSumExp"] })
  const { ids, logQ, reward } = answers.drawn
  return { lse_N: answers["draft.logSumExp"], ids_NS: ids, logQ_NS: logQ, reward_NS: reward }
}

/** The samples of the kept rows. */
const takeSampled = (samples: SampledFound, kept_K: Int32Array, S: number): SampledFound => ({
  lse_N: take(samples.lse_N, kept_K),
  ids_NS: take(samples.ids_NS, kept_K, S),
  logQ_NS: take(samples.logQ_NS, kept_K, S),
  reward_NS: take(samples.reward_NS, kept_K, S),
})

/** Advantages (r - mu) / sigma / S of every draw; mu and sigma over the given rows, which are the batch. */
const advantages = ({ samples, epsilon }: SampledLoss, { reward_NS, lse_N }: SampledFound): Float32Array => {
  const mean_N = Float32Array.from({ length: lse_N.length }, (_, n) => {
    let sum = 0
    for (let i = n * samples; i < (n + 1) * samples; i++) sum += reward_NS[i]!
    return sum / samples
  })
  const { mu, inverse } = batchMoments(mean_N, epsilon)
  return reward_NS.map((r) => ((r - mu) * inverse) / samples)
}

/** - mean_s A log q of each row. */
const sampledLoss = (loss: SampledLoss, samples: SampledFound): Float32Array => {
  const S = loss.samples
  const weight_NS = advantages(loss, samples)
  return samples.lse_N.map((_, n) => {
    let sum = 0
    for (let i = n * S; i < (n + 1) * S; i++) sum -= weight_NS[i]! * samples.logQ_NS[i]!
    return sum
  })
}

/** q sum_s w_s - w at the drawn tokens, of the kept rows. */
const sampledGradient = (
  library: Native,
  loss: SampledLoss,
  draft: TrainedRows,
  samples: SampledFound,
  weight_K: Float32Array,
) => {
  const S = loss.samples
  const weight_KS = advantages(loss, samples)
  const c_K = weight_K.map((_, k) => weight_KS.subarray(k * S, (k + 1) * S).reduce((a, b) => a + b, 0))
  const delta_Kk = weight_KS.map((w, i) => -w * weight_K[Math.floor(i / S)]!)
  return headGradient(library, {
    form: "softmax",
    draft,
    lseDraft_K: samples.lse_N,
    weight_K,
    c_K,
    entries: { k: S, ids_Kk: samples.ids_NS, delta_Kk },
  })
}

/** Statistics and gradient of TVD++ on samples. The gradient reuses the draft's samples of the statistics. */
export const sampledForm =
  (library: Native, loss: SampledLoss): Read =>
  (pass, names) => {
    let samples: SampledFound | undefined
    const statistics: Partial<Record<Statistic, Float32Array>> = {}
    for (const which of lossesAmong(names)) {
      const fresh = drawSampled(library, loss, pass[which]!, pass.target!, pass.uniform_N)
      if (which === "draft") samples = fresh
      statistics[`${which}Loss_N`] = sampledLoss(loss, fresh)
    }
    const others = othersAmong(names).map(({ name }) => name)
    return {
      statistics: { ...statistics, ...nativeStatistics(library, pass, others) },
      gradient: (kept, kept_K, rowScale_K) => {
        const chosenSamples =
          samples === undefined
            ? drawSampled(library, loss, kept.draft, kept.target!, kept.uniform_N)
            : takeSampled(samples, kept_K, loss.samples)
        return {
          loss_K: sampledLoss(loss, chosenSamples),
          ...sampledGradient(library, loss, kept.draft, chosenSamples, rowScale_K),
        }
      },
    }
  }
