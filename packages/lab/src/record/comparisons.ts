/** The comparisons that a run's conclusions are drawn from: the arm in question minus another arm. */
import { halfWidth } from "@winnow/numerics"
import type { DifferenceMeasure, DifferenceRecord, RowRecord, RunRecord, TotalBudget } from "./schema.ts"

/** The rows of arms, in the experiment's order. */
export const armsOf = ({ rows }: Pick<RunRecord, "rows">): ReadonlyArray<RowRecord> =>
  rows.filter(({ role }) => role === "arm")

/** The mean over seeds of what an arm cost in all. */
export const meanTotal = ({ budget }: RowRecord, of: keyof TotalBudget): number =>
  budget.reduce((sum, { total }) => sum + total[of], 0) / budget.length

/** The difference of two arms, `over` minus `under`; undefined where they share no seed. */
export const differenceBetween = (
  { differences }: Pick<RunRecord, "differences">,
  over: string,
  under: string,
  measure: DifferenceMeasure = "greedyAcceptance",
): DifferenceRecord | undefined => {
  const found = differences.find(
    (d) => d.measure === measure && ((d.a === over && d.b === under) || (d.a === under && d.b === over)),
  )
  if (found === undefined || found.a === over) return found
  const minus = (x: number | null) => (x === null ? null : -x)
  return { ...found, a: over, b: under, value: minus(found.value), low: minus(found.high), high: minus(found.low) }
}

/** The measures that are concluded from, the primary one first. */
export const concludedMeasures = ({ primary }: Pick<RunRecord, "primary">): ReadonlyArray<DifferenceMeasure> =>
  primary === "greedy" ? ["greedyAcceptance", "expectedAcceptance"] : ["expectedAcceptance", "greedyAcceptance"]

/** The row of the arm that a run is about; undefined without such an arm, or if none of its drafts has a figure. */
export const mainArm = (run: RunRecord): RowRecord | undefined => armsOf(run).find(({ name }) => name === run.about)

/** FLOPs of two arms' whole costs, without the caches that both read. */
export const flopsApart = (over: RowRecord, under: RowRecord): readonly [over: number, under: number] => {
  const caches = (row: RowRecord) =>
    row.budget.map(({ signals }) => new Map(signals.map(({ key, flops }) => [key, flops])))
  const [a, b] = [caches(over), caches(under)]
  const shared = a.map((of_S, s) => [...of_S].reduce((sum, [key, flops]) => sum + (b[s]?.has(key) ? flops : 0), 0))
  const mean = shared.reduce((x, y) => x + y, 0) / shared.length
  return [meanTotal(over, "flops") - mean, meanTotal(under, "flops") - mean]
}

export interface Compared {
  readonly over: RowRecord
  readonly under: RowRecord
  /** Of the primary measure. */
  readonly difference: DifferenceRecord
  /** Of the other acceptance. */
  readonly other: DifferenceRecord
}

/** Two arms as they are compared; undefined where they share no seed. */
export const comparedArms = (run: RunRecord, over: RowRecord, under: RowRecord): Compared | undefined => {
  const [difference, other] = concludedMeasures(run).map((of) => differenceBetween(run, over.name, under.name, of))
  return difference === undefined || other === undefined ? undefined : { over, under, difference, other }
}

/** Each arm against the baseline, then the main arm against each other arm; no pair twice. */
export const comparisonsOf = (
  run: RunRecord,
): { readonly withBaseline: ReadonlyArray<Compared>; readonly ofMain: ReadonlyArray<Compared> } => {
  const arms = armsOf(run)
  const compared = (over: RowRecord, under: RowRecord) => comparedArms(run, over, under) ?? []
  const baseline = arms.find(({ name }) => name === run.baseline)
  const main = mainArm(run)
  const withBaseline =
    baseline === undefined ? [] : arms.filter((arm) => arm !== baseline).flatMap((arm) => compared(arm, baseline))
  const ofMain =
    main === undefined || main === baseline
      ? []
      : arms.filter((arm) => arm !== main && arm !== baseline).flatMap((arm) => compared(main, arm))
  return { withBaseline, ofMain }
}

/** True if the interval leaves out 0. */
export const isShown = ({ low, high }: Pick<DifferenceRecord, "low" | "high">): boolean =>
  low !== null && high !== null && (low > 0 || high < 0)

/** True if a conclusion is drawn from the comparison; never from two seeds. */
export const isCompared = ({ seeds, low, high }: DifferenceRecord): boolean =>
  seeds.length !== 2 && low !== null && high !== null

/** The number of conclusions on both measures, by which Bonferroni's correction divides. */
export const countOf = (all: ReadonlyArray<Compared>): number =>
  all.reduce((n, { difference, other }) => n + Number(isCompared(difference)) + Number(isCompared(other)), 0)

/** The same interval at another level of coverage; undefined if it cannot be made. */
export const atLevel = (
  { value, errors, seeds }: DifferenceRecord,
  prompts: number,
  level: number,
): { readonly low: number; readonly high: number } | undefined => {
  if (value === null || errors === null) return undefined
  const half = halfWidth(errors, seeds.length, prompts, level)
  return { low: value - half, high: value + half }
}
