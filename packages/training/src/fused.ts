/**
 * Statistics and kept gradient by the native vocabulary head: the same results as on chunks of logits, without logits.
 *
 * Letters: N valid rows, K kept rows, V vocabulary, d hidden size; p target, q draft (or the reference in its place).
 */
import {
  type FusedLoss,
  type NativeForm,
  type OwnStatistic,
  readsModel,
  type SparseRows,
  type Statistic,
  type Statistics,
  statistics,
} from "@winnow/core"
import { type HeadRows, type HeadStatistic, headGradient, headStatistics, native } from "@winnow/tensor"
import { type Asked, lossRecipe, type Recipe, scaled, type Which } from "./fused-recipe.ts"
import { drawSampled, type SampledFound, sampledGradient, sampledLoss, takeSampled } from "./fused-sampled.ts"
import { type SparseFound, sparseGradient, sparseLoss, takeFound } from "./fused-sparse.ts"
import type { Pass } from "./statistics.ts"
import { take } from "./take.ts"

/** The native form of a statistic; undefined for an active loss, and for one that has none. */
const nativeOf = (name: Statistic): NativeForm | undefined => (statistics[name] as OwnStatistic).native
const asksOf = (name: Statistic) => nativeOf(name)?.ask ?? []
const answerOf = (name: Statistic, asked: Asked): Float32Array => {
  const { ask, of } = nativeOf(name)!
  return of === undefined ? asked[ask[0]!]! : of(asked)
}
const notLoss = (name: Statistic) => statistics[name].lossOf === undefined

/** The results of a statistics pass on the loss's rows, for the gradient of the kept ones. */
const found = new WeakMap<Pass, Asked>()
const foundSampled = new WeakMap<Pass, SampledFound>()
const foundSparse = new WeakMap<Pass, SparseFound>()

const lseOf = (recipe: Recipe): ReadonlyArray<HeadStatistic> =>
  recipe.target ? ["draft.logSumExp", "target.logSumExp"] : ["draft.logSumExp"]

const question = (pass: Pass) => ({
  draft: pass.draft as HeadRows,
  target: pass.target as HeadRows | undefined,
  reference: pass.reference as HeadRows | undefined,
  gold_N: pass.gold_N,
})

/**
 * The named statistics of all rows, or undefined where the native head cannot give them: there is none, the target is all
 * logits from a cache, or the loss is not one it knows.
 */
export const fusedStatistics = (pass: Pass, needs: ReadonlyArray<Statistic>): Partial<Statistics> | undefined => {
  const library = native()
  if (library === undefined || needs.length === 0) return undefined
  if (needs.some((name) => notLoss(name) && nativeOf(name) === undefined)) return undefined
  if (pass.cached !== undefined)
    return knowsSparse(pass) ? sparseStatistics(library, pass, pass.cached, needs) : undefined
  const ofLoss = needs.flatMap((n) => (n === "draftLoss_N" ? ["draft"] : n === "referenceLoss_N" ? ["reference"] : []))
  const { fused } = pass.loss
  if (ofLoss.length > 0 && fused === undefined) return undefined
  const V = pass.draft.head_Vd.shape[0]
  if (fused?.form === "sampled-rewards" && ofLoss.length > 0) {
    const out: Partial<Record<Statistic, Float32Array>> = {}
    for (const which of ofLoss as ReadonlyArray<Which>) {
      const found = drawSampled(library, fused, pass[which]!, pass.target!, pass.uniform_N)
      if (which === "draft") foundSampled.set(pass, found)
      out[`${which}Loss_N`] = sampledLoss(fused, found)
    }
    return { ...out, ...fusedStatistics(pass, needs.filter(notLoss)) }
  }

  const lossAsks = new Set<HeadStatistic>()
  const recipe =
    ofLoss.length === 0 || fused === undefined || fused.form === "sampled-rewards" ? undefined : lossRecipe(fused)
  if (recipe !== undefined) {
    for (const which of ofLoss as ReadonlyArray<Which>) for (const ask of recipe.ask(which)) lossAsks.add(ask)
    if (ofLoss.includes("draft")) for (const ask of lseOf(recipe)) lossAsks.add(ask)
  }
  const otherAsks = new Set(needs.flatMap(asksOf))
  const together = recipe === undefined || recipe.temperature === 1 || otherAsks.size === 0
  const run = (ask: ReadonlySet<HeadStatistic>, temperature: number): Asked =>
    ask.size === 0
      ? {}
      : headStatistics(library, { ...question(pass), temperature, beta: recipe?.beta ?? 0.5, ask: [...ask] })
  const first = run(together ? lossAsks.union(otherAsks) : lossAsks, recipe?.temperature ?? 1)
  const others = together ? first : run(otherAsks, 1)
  if (recipe !== undefined && ofLoss.includes("draft")) found.set(pass, first)

  const out: Partial<Record<Statistic, Float32Array>> = {}
  for (const name of needs) {
    if (name === "draftLoss_N" || name === "referenceLoss_N")
      out[name] = recipe!.value(first, name === "draftLoss_N" ? "draft" : "reference", V)
    else out[name] = answerOf(name, others)
  }
  return out
}

/** True if the target is a part from a cache, and the loss the one that the head can make of it. */
const knowsSparse = (pass: Pass): pass is Pass & { readonly cached: SparseRows } =>
  pass.cached !== undefined &&
  pass.cached.kind !== "full" &&
  pass.loss.sparse !== undefined &&
  pass.loss.fused?.form === "kl" &&
  pass.loss.fused.temperature === 1

const sparseStatistics = (
  library: NonNullable<ReturnType<typeof native>>,
  pass: Pass,
  cached: SparseRows,
  needs: ReadonlyArray<Statistic>,
): Partial<Statistics> | undefined => {
  const others = needs.filter(notLoss)
  // what asks for the whole target was refused before
  const partForm = (name: Statistic) =>
    readsModel(name, "target") ? (statistics[name] as OwnStatistic).from![cached.kind]!.native : undefined
  const ask = new Set(others.flatMap((name) => partForm(name)?.ask ?? asksOf(name)))

  const factor = (pass.loss.fused as Extract<FusedLoss, { form: "kl" }>).factor
  const out: Partial<Record<Statistic, Float32Array>> = {}
  const asked: Asked = {}
  if (needs.includes("draftLoss_N")) {
    const result = sparseLoss(library, pass.draft, cached)
    foundSparse.set(pass, result)
    out.draftLoss_N = scaled(result.loss_N, factor)
  }
  if (needs.includes("referenceLoss_N"))
    out.referenceLoss_N = scaled(sparseLoss(library, pass.reference!, cached).loss_N, factor)
  if (ask.size > 0) Object.assign(asked, headStatistics(library, { ...question(pass), ask: [...ask] }))
  for (const name of others) out[name] = partForm(name)?.of(asked, cached) ?? answerOf(name, asked)
  return out
}

/**
 * Loss and gradient of the kept rows, or undefined where the native head cannot give them.
 *
 * The gradient uses the results of the statistics pass again; the rest is computed for the kept rows alone.
 *
 * @param whole the pass whose statistics were computed; `kept` is its kept rows
 * @param rowScale_K multiplies each row's gradient
 */
export const fusedGradient = (whole: Pass, kept: Pass, kept_K: Int32Array, rowScale_K: Float32Array) => {
  const library = native()
  const { fused } = whole.loss
  if (library === undefined || fused === undefined) return undefined
  if (kept.cached !== undefined) {
    if (!knowsSparse(kept)) return undefined
    const { factor } = fused as Extract<FusedLoss, { form: "kl" }>
    const before = foundSparse.get(whole)
    const result = before === undefined ? sparseLoss(library, kept.draft, kept.cached) : takeFound(before, kept_K)
    return {
      loss_K: scaled(result.loss_N, factor),
      ...sparseGradient(library, kept.draft, kept.cached, result, scaled(rowScale_K, factor)),
    }
  }
  if (fused.form === "sampled-rewards") {
    const before = foundSampled.get(whole)
    const result =
      before === undefined
        ? drawSampled(library, fused, kept.draft, kept.target!, kept.uniform_N)
        : takeSampled(before, kept_K, fused.samples)
    return {
      loss_K: sampledLoss(fused, result),
      ...sampledGradient(library, fused, kept.draft, result, rowScale_K),
    }
  }
  const recipe = lossRecipe(fused)
  const V = kept.draft.head_Vd.shape[0]
  const ask = [...new Set([...lseOf(recipe), ...recipe.ask("draft")])]
  const before = found.get(whole)
  const asked: Asked =
    before !== undefined
      ? Object.fromEntries(ask.map((name) => [name, take(before[name]!, kept_K)]))
      : headStatistics(library, {
          ...question(kept),
          temperature: recipe.temperature,
          beta: recipe.beta ?? 0.5,
          ask,
        })
  const { form, factor, a, gold, c_K, e_K } = recipe.gradient(asked, V)
  const weight_K = rowScale_K.map((scale, k) => scale * (typeof factor === "number" ? factor : factor[k]!))
  const { gradient_Kd, headGradient_Vd } = headGradient(library, {
    form,
    draft: kept.draft,
    target: recipe.target ? kept.target : undefined,
    lseDraft_K: asked["draft.logSumExp"]!,
    lseTarget_K: asked["target.logSumExp"],
    weight_K,
    entries: gold ? { k: 1, ids_Kk: kept.gold_N, delta_Kk: weight_K.map((w) => -w) } : undefined,
    c_K: gold ? weight_K.map(() => 1) : c_K,
    e_K,
    a,
    temperature: recipe.temperature,
  })
  return { loss_K: recipe.value(asked, "draft", V), gradient_Kd, headGradient_Vd }
}
