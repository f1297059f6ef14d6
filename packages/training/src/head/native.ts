/**
 * The native form of a head: statistics and gradient without logits, for a wholly known target.
 *
 * Letters: N valid rows, K kept rows, V vocabulary, d hidden size; p target, q draft (or the reference in its place).
 */
import {
  type FusedLoss,
  type HeadAnswers,
  type OwnStatistic,
  type Statistic,
  type Statistics,
  statistics,
} from "@winnow/core"
import { type HeadStatistic, headGradient, headStatistics, type KeptLogits, type Native } from "@winnow/tensor"
import { take } from "../take.ts"
import type { Read } from "./form.ts"
import type { Pass } from "./pass.ts"
import { lossRecipe, type Recipe, type Which } from "./recipe.ts"

/** The statistics that are the active loss of a model, by model. */
export const lossesAmong = (names: ReadonlyArray<Statistic>): ReadonlyArray<Which> =>
  names.flatMap((name) => statistics[name].lossOf ?? [])

/** The other statistics. */
export const othersAmong = (names: ReadonlyArray<Statistic>): ReadonlyArray<OwnStatistic<Statistic>> =>
  names.flatMap((name) => {
    const entry = statistics[name]
    return entry.lossOf === undefined ? [entry] : []
  })

/** The common fields of all questions about a pass. */
export const question = ({ draft, target, reference, gold_N }: Pass) => ({ draft, target, reference, gold_N })

/** Statistics with a native form, from the head's answers. */
export const answersOf = (
  entries: ReadonlyArray<OwnStatistic<Statistic>>,
  answers: HeadAnswers,
): Partial<Record<Statistic, Float32Array>> => {
  const out: Partial<Record<Statistic, Float32Array>> = {}
  for (const { name, native } of entries) {
    const { ask, of } = native!
    out[name] = of === undefined ? answers[ask[0]!]! : of(answers)
  }
  return out
}

/** Answers, and the target's logits that were kept beside them. */
type Found = HeadAnswers & { readonly kept?: KeptLogits | undefined }

interface Temperatures {
  readonly temperature: number
  readonly targetTemperature: number
}

const lseOf = (recipe: Recipe): ReadonlyArray<HeadStatistic> =>
  recipe.target ? ["draft.logSumExp", "target.logSumExp"] : ["draft.logSumExp"]

/** Statistics with a native form, without the active loss. */
export const nativeStatistics = (library: Native, pass: Pass, names: ReadonlyArray<Statistic>): Partial<Statistics> => {
  const others = othersAmong(names)
  const ask = [...new Set(others.flatMap(({ native }) => native!.ask))]
  return ask.length === 0 ? {} : answersOf(others, headStatistics(library, { ...question(pass), ask }))
}

/**
 * Statistics and gradient of a loss by its recipe. The gradient reuses the results of the statistics, and is computed
 * only for the kept rows.
 */
export const nativeForm = (library: Native, loss: Exclude<FusedLoss, { form: "sampled-rewards" }>): Read => {
  const recipe = lossRecipe(loss)
  const { temperature, beta = 0.5 } = recipe
  const targetTemperatureAt = ({ step, steps }: Pass) => recipe.targetTemperature?.(step, steps) ?? 1
  const ofGradient = [...new Set([...lseOf(recipe), ...recipe.ask("draft")])]

  const readStatistics = (pass: Pass, names: ReadonlyArray<Statistic>) => {
    const V = pass.draft.head_Vd.shape[0]
    const [losses, others] = [lossesAmong(names), othersAmong(names)]
    const lossAsks = new Set(losses.flatMap((which) => recipe.ask(which)))
    if (losses.includes("draft")) for (const ask of lseOf(recipe)) lossAsks.add(ask)
    const otherAsks = new Set(others.flatMap(({ native }) => native!.ask))
    const targetTemperature = targetTemperatureAt(pass)
    const run = (ask: ReadonlySet<HeadStatistic>, temperatures: Temperatures, keep = false): Found =>
      ask.size === 0 ? {} : headStatistics(library, { ...question(pass), ...temperatures, beta, keep, ask: [...ask] })
    const keep = losses.includes("draft") && recipe.target
    // The other statistics are at temperature 1.
    const ones = { temperature: 1, targetTemperature: 1 }
    const together = (temperature === 1 && targetTemperature === 1) || lossAsks.size === 0
    const first = together
      ? run(lossAsks.union(otherAsks), ones, keep)
      : run(lossAsks, { temperature, targetTemperature }, keep)
    const out = answersOf(others, together ? first : run(otherAsks, ones))
    for (const which of losses) out[`${which}Loss_N`] = recipe.value(first, which, V)
    return { statistics: out, ofDraft: losses.includes("draft") ? first : undefined }
  }

  return (pass, names) => {
    const { statistics, ofDraft: found } = readStatistics(pass, names)
    return {
      statistics,
      gradient: (kept, kept_K, rowScale_K) => {
        const V = kept.draft.head_Vd.shape[0]
        const targetTemperature = targetTemperatureAt(kept)
        const answers: HeadAnswers =
          found !== undefined
            ? Object.fromEntries(ofGradient.map((name) => [name, take(found[name]!, kept_K)]))
            : headStatistics(library, { ...question(kept), temperature, targetTemperature, beta, ask: ofGradient })
        const { form, factor, a, gold, c_K, e_K } = recipe.gradient(answers, V)
        const weight_K = rowScale_K.map((scale, k) => scale * (typeof factor === "number" ? factor : factor[k]!))
        const gradient = headGradient(library, {
          form,
          draft: kept.draft,
          target: recipe.target ? kept.target : undefined,
          lseDraft_K: answers["draft.logSumExp"]!,
          lseTarget_K: answers["target.logSumExp"],
          weight_K,
          entries: gold ? { k: 1, ids_Kk: kept.gold_N, delta_Kk: weight_K.map((w) => -w) } : undefined,
          c_K: gold ? weight_K.map(() => 1) : c_K,
          e_K,
          a,
          temperature,
          targetTemperature,
          kept: found?.kept && { logits: found.kept, row_K: kept_K },
        })
        return { loss_K: recipe.value(answers, "draft", V), ...gradient }
      },
    }
  }
}
