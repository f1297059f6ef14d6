/**
 * The forms of a frozen model's signals for a data set, and the uses that each form serves or refuses.
 *
 * Letters: V vocabulary, D hidden size of the target, k entries a token.
 */
import {
  type LossInstance,
  modelsRead,
  type ObjectiveTraits,
  type OwnStatistic,
  type ReferenceStatistic,
  readsModel,
  type SparseTarget,
  type Statistic,
  statistics,
} from "@winnow/core"
import type { Precision } from "@winnow/tensor"
import { type } from "arktype"

/** The source of the target's distributions. */
export const targetForm = type("'live' | 'hidden' | 'full'")
  // The most probable tokens of each position, and the mass of the rest; of a target in float32, unless the precision of its
  // products is named: then the cache takes less time, and has the numbers of a live target in that precision.
  .or({ "+": "reject", topK: "number.integer >= 1", "precision?": "'bfloat16'" })
  // Tokens drawn from the target at each position; another seed draws others.
  .or({ "+": "reject", samples: "number.integer >= 1", seed: "number.integer & number.safe = 0" })
export type TargetForm = typeof targetForm.infer
/** A form that is a cache. */
export type CachedForm = Exclude<TargetForm, "live">

/** The sources of an arm's signals; "live" means that the model runs in each step. */
export const signalsOptions = type({
  "+": "reject",
  target: targetForm.default("live"),
  reference: "'live' | 'cached' = 'live'",
  // The target's states that a head reads, from a cache of this precision; left out: the target runs in each step.
  "states?": "'float32' | 'bfloat16'",
  // Parts of each cache, each a stage of its own; by the size of the cache if left out. No entry depends on their number.
  "shards?": "1 <= number.integer <= 1000",
})
export type SignalsOptions = typeof signalsOptions.infer
export type SignalsInput = typeof signalsOptions.inferIn

/** The precision of the products that make a form; undefined for the present one, float32 in a stage of signals. */
export const precisionOf = (form: TargetForm): Precision | undefined =>
  typeof form === "object" && "topK" in form ? form.precision : undefined

/** For labels and errors: "hidden", "top 64", "top 64 in bfloat16", "50 samples". */
export const formName = (form: TargetForm): string => {
  if (typeof form === "string") return form
  if (!("topK" in form)) return `${form.samples} samples`
  return form.precision === undefined ? `top ${form.topK}` : `top ${form.topK} in ${form.precision}`
}

/** Entries a token of a sparse form; undefined for the others. */
export const entriesOf = (form: TargetForm): number | undefined => {
  if (typeof form === "string") return undefined
  return "topK" in form ? form.topK : form.samples
}

/**
 * Bytes for each token: hidden states in bfloat16; all logits in float32; for each of the top k or of the samples its
 * id and log p, and for the top k the mass of the rest.
 */
export const bytesPerToken = (form: CachedForm, sizes: { readonly D: number; readonly V: number }): number => {
  if (form === "hidden") return 2 * sizes.D
  if (form === "full") return 4 * sizes.V
  return "topK" in form ? 8 * form.topK + 4 : 8 * form.samples
}

/** Bytes beside the tokens': of hidden states the head in float32, which turns them into logits. */
export const tableBytes = (form: CachedForm, { D, V }: { readonly D: number; readonly V: number }): number =>
  form === "hidden" ? 4 * V * D : 0

/** The kind of a form that holds a part of the target; undefined for forms that hold all of it. */
export const partOf = (form: TargetForm): SparseTarget["kind"] | undefined => {
  if (typeof form === "string") return undefined
  return "topK" in form ? "top-k" : "samples"
}

/** True if a statistic is exact from a part of the target. */
const isExactFrom = (name: Statistic, part: SparseTarget["kind"]): boolean => {
  const { from } = statistics[name] as OwnStatistic
  return from?.[part] !== undefined
}

const wholeForms = "live, hidden or full"
const formsOf = (name: Statistic) =>
  `${wholeForms}${isExactFrom(name, "top-k") ? ", or a top k" : ""}${isExactFrom(name, "samples") ? ", or samples" : ""}`

/** The use of an arm's signals by its filter and loss. */
export interface SignalUse {
  readonly filter: { readonly name: string; readonly needs: ReadonlyArray<Statistic> }
  readonly loss: Pick<LossInstance, "name" | "target" | "batch" | "sparse">
}

/** True if the steps read the target: with `reference` "cached", the reference's loss does not. */
export const readsTarget = ({ filter, loss }: SignalUse): boolean =>
  loss.target || modelsRead(filter.needs, loss).has("target")

/** The reference's statistics among those that a filter needs. */
export const referenceNeeds = (needs: ReadonlyArray<Statistic>): ReadonlyArray<ReferenceStatistic> =>
  needs.filter((s) => readsModel(s, "reference")) as ReadonlyArray<ReferenceStatistic>

/**
 * The reasons why these signals cannot serve this filter and loss; empty if they can.
 *
 * @param V vocabulary, if it is known
 * @param headRows ids that the draft predicts, if these are fewer
 * @param moves the reason why the reference cannot be computed beforehand, if there is one
 * @param objective of the training; the next token if left out
 */
export const signalProblems = (
  { target, reference, states }: SignalsOptions,
  use: SignalUse,
  more: {
    readonly V?: number
    readonly headRows?: number | undefined
    readonly moves?: string
    readonly objective?: { readonly name: string; readonly traits: ObjectiveTraits } | undefined
  } = {},
): ReadonlyArray<string> => {
  const { filter, loss } = use
  const name = formName(target)
  const problems: Array<string> = []
  const part = partOf(target)
  for (const statistic of filter.needs)
    if (part !== undefined && readsModel(statistic, "target") && !isExactFrom(statistic, part))
      problems.push(
        `filter ${filter.name} needs ${statistic}, which is wrong from ${name} of the target; ` +
          `set signals.target to ${formsOf(statistic)}`,
      )
  const k = entriesOf(target)
  if (k !== undefined && loss.target && loss.sparse === undefined)
    problems.push(
      `loss ${loss.name} compares all of the target's distribution, and ${name} hold a part; ` +
        `set signals.target to ${wholeForms}, or use a loss that is linear in the target, such as kl at temperature 1`,
    )
  if (part !== undefined && more.headRows !== undefined && readsTarget(use))
    problems.push(
      `the draft predicts ${more.headRows} ids, and ${name} of the target do not give its distribution over them; ` +
        `set signals.target to ${wholeForms}`,
    )
  if (typeof target === "object" && "topK" in target && more.V !== undefined && target.topK > more.V)
    problems.push(
      `signals.target.topK is ${target.topK}, the vocabulary ${more.V}; expected ${more.V} at most, or full`,
    )
  if (reference === "cached" && referenceNeeds(filter.needs).length > 0) {
    if (more.moves !== undefined)
      problems.push(`the reference ${more.moves}, so it cannot be computed beforehand; set signals.reference to live`)
    if (loss.batch !== undefined && filter.needs.includes("referenceLoss_N"))
      problems.push(
        `loss ${loss.name} has statistics of the whole batch, so the reference's loss on a token depends on which others ` +
          "it comes with, and cannot be computed beforehand; set signals.reference to live",
      )
  }
  const { objective } = more
  if (states !== undefined && objective?.traits.reads === "both")
    problems.push(
      `objective ${objective.name} changes the tokens of an example, so that the target's states cannot be computed beforehand; ` +
        "leave signals.states out",
    )
  if (objective?.traits.repeats === false) {
    const cached = [
      ...(target !== "live" && readsTarget(use) ? ["signals.target"] : []),
      ...(reference === "cached" && referenceNeeds(filter.needs).length > 0 ? ["signals.reference"] : []),
    ]
    if (cached.length > 0)
      problems.push(
        `objective ${objective.name} makes another problem of an example each time it comes, so what frozen models say of it ` +
          `cannot be computed beforehand; set ${cached.join(" and ")} to live`,
      )
  }
  return problems
}

/**
 * The signals that are used: by a filter with each of the losses beside it. Unused ones are set to live, which costs
 * nothing, so that arms that read the same are equal.
 */
export const usedSignals = (
  { target, reference, states, shards }: SignalsOptions,
  uses: ReadonlyArray<SignalUse>,
): SignalsOptions => {
  const used = {
    target: uses.some(readsTarget) ? target : "live",
    reference: uses.some(({ filter }) => referenceNeeds(filter.needs).length > 0) ? reference : "live",
    ...(states !== undefined && { states }),
  } as const
  const isCached = used.target !== "live" || used.reference === "cached" || states !== undefined
  return isCached && shards !== undefined ? { ...used, shards } : used
}
