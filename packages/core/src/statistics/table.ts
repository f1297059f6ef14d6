/**
 * The table of statistics. A new one is a file beside this and a line here: the types of filters, the step, caches of signals,
 * trials, costs and the table of docs/plugins.md follow.
 */
import { acceptance } from "./acceptance.ts"
import { agreement } from "./agreement.ts"
import { draftEntropy, targetEntropy } from "./entropy.ts"
import { hellinger } from "./hellinger.ts"
import { draftLead } from "./lead.ts"
import { draftLoss, referenceLoss } from "./loss.ts"
import { targetMargin } from "./margin.ts"
import { draftNll, referenceNll, targetNll } from "./nll.ts"
import { draftRank, targetRank } from "./rank.ts"
import type { ModelRole, StatisticSpec } from "./statistic.ts"
import { draftTop, targetTop } from "./top.ts"

const table = [
  draftLoss,
  referenceLoss,
  draftNll,
  referenceNll,
  targetNll,
  draftEntropy,
  targetEntropy,
  acceptance,
  agreement,
  hellinger,
  draftTop,
  targetTop,
  targetMargin,
  draftRank,
  targetRank,
  draftLead,
] as const
type Entry = (typeof table)[number]

/** The name of a statistic. */
export type Statistic = Entry["name"]

/** One number a valid token of each statistic, Float32Array of length N; ranges and units are the table's. */
export type Statistics = { readonly [S in Statistic]: Float32Array }

/** The models that a statistic reads, by type; the active loss also reads the models of the loss. */
export type ReadsOf<S extends Statistic> = Extract<Entry, { readonly name: S }>["reads"][number]

/** The statistics that read a model, by type. */
export type StatisticReading<M extends ModelRole> = {
  [S in Statistic]: M extends ReadsOf<S> ? S : never
}[Statistic]
/** The statistics that require a reference. */
export type ReferenceStatistic = StatisticReading<"reference">

/** All statistics by name, in the table's order. */
export const statistics = Object.fromEntries(table.map((entry) => [entry.name, entry])) as unknown as {
  readonly [S in Statistic]: StatisticSpec<S>
}

/** Their names. */
export const statisticNames: ReadonlyArray<Statistic> = table.map(({ name }) => name)

/** True if a statistic reads a model by itself, for any loss. */
export const readsModel = (name: Statistic, model: ModelRole): boolean =>
  (statistics[name].reads as ReadonlyArray<ModelRole>).includes(model)

/**
 * The models whose vocabulary heads a pass over the valid rows runs for these statistics: its cost.
 *
 * @param loss the arm's, whose `target` tells if its value compares to the target
 */
export const modelsRead = (
  names: ReadonlyArray<Statistic>,
  loss: { readonly target: boolean },
): ReadonlySet<ModelRole> =>
  new Set(
    names.flatMap((name): ReadonlyArray<ModelRole> => {
      const { reads, lossOf } = statistics[name]
      return lossOf !== undefined && loss.target ? [...reads, "target"] : reads
    }),
  )
