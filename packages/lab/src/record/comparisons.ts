/** The comparisons that a run's conclusions are drawn from: the arm in question minus another arm. */
import { halfWidth } from "@winnow/numerics"
import type { DifferenceRecord, RowRecord, RunRecord, TotalBudget } from "./schema.ts"

/** A draft of a run, as comparisons name it. */
export type ArmRow = Pick<RowRecord, "name" | "role" | "budget">

/** A difference of two arms in any measure. */
export type Difference = Omit<DifferenceRecord, "measure"> & { readonly measure: string }

/** A measure that conclusions are drawn from. */
export interface Concluded {
  /** As differences name it. */
  readonly key: string
  /** In a sentence: "greedy acceptance". */
  readonly name: string
  /** Behind a pair of arms, in brackets: "greedy". */
  readonly short: string
  /** "%" of a share, "nats"; "" for a plain number. */
  readonly unit: string
  readonly better: "higher" | "lower"
}

/** The part of a record that arms are compared by. */
export interface ArmsRun {
  readonly rows: ReadonlyArray<ArmRow>
  readonly differences: ReadonlyArray<Difference>
  readonly baseline: string
  readonly about: string | null
  /** The measures that are concluded from, the primary one first. */
  readonly concluded: ReadonlyArray<Concluded>
  /** Texts that were measured on. */
  readonly prompts: number
  readonly seeds: ReadonlyArray<number>
  /** The scope of the verdict: "this target". */
  readonly scope: string
}

const acceptances: Readonly<Record<RunRecord["primary"], Concluded>> = {
  greedy: { key: "greedyAcceptance", name: "greedy acceptance", short: "greedy", unit: "%", better: "higher" },
  expected: { key: "expectedAcceptance", name: "expected acceptance", short: "expected", unit: "%", better: "higher" },
}

/** A distillation as its arms are compared: by both acceptances. */
export const armsRun = (run: RunRecord): ArmsRun => {
  const { greedy, expected } = acceptances
  const concluded = run.primary === "greedy" ? [greedy, expected] : [expected, greedy]
  return { ...run, concluded, prompts: run.conditions.prompts, scope: "this target" }
}

/** The rows of arms, in the experiment's order. */
export const armsOf = <R extends Pick<ArmRow, "role">>({ rows }: { readonly rows: ReadonlyArray<R> }) =>
  rows.filter(({ role }) => role === "arm")

/** The mean over seeds of what an arm cost in all. */
export const meanTotal = ({ budget }: ArmRow, of: keyof TotalBudget): number =>
  budget.reduce((sum, { total }) => sum + total[of], 0) / budget.length

/** The difference of two arms, `over` minus `under`; undefined where they share no seed. */
export const differenceBetween = <D extends Difference>(
  { differences }: { readonly differences: ReadonlyArray<D> },
  over: string,
  under: string,
  measure = "greedyAcceptance",
): D | undefined => {
  const found = differences.find(
    (d) => d.measure === measure && ((d.a === over && d.b === under) || (d.a === under && d.b === over)),
  )
  if (found === undefined || found.a === over) return found
  const minus = (x: number | null) => (x === null ? null : -x)
  return { ...found, a: over, b: under, value: minus(found.value), low: minus(found.high), high: minus(found.low) }
}

/** The row of the arm that a run is about; undefined without such an arm, or if none of its drafts has a figure. */
export const mainArm = <R extends ArmRow>({
  rows,
  about,
}: {
  readonly rows: ReadonlyArray<R>
  readonly about: string | null
}): R | undefined => armsOf({ rows }).find(({ name }) => name === about)

/** FLOPs of two arms' whole costs, without the caches that both read. */
export const flopsApart = (over: ArmRow, under: ArmRow): readonly [over: number, under: number] => {
  const caches = (row: ArmRow) =>
    row.budget.map(({ signals }) => new Map(signals.map(({ key, flops }) => [key, flops])))
  const [a, b] = [caches(over), caches(under)]
  const shared = a.map((of_S, s) => [...of_S].reduce((sum, [key, flops]) => sum + (b[s]?.has(key) ? flops : 0), 0))
  const mean = shared.reduce((x, y) => x + y, 0) / shared.length
  return [meanTotal(over, "flops") - mean, meanTotal(under, "flops") - mean]
}

/** A difference, and the measure that it is of. */
export interface ConcludedDifference extends Difference {
  readonly of: Concluded
}

export interface Compared {
  readonly over: ArmRow
  readonly under: ArmRow
  /** Of the primary measure. */
  readonly difference: ConcludedDifference
  /** Of the other measures that are concluded from. */
  readonly others: ReadonlyArray<ConcludedDifference>
}

/** Two arms as they are compared; undefined where they share no seed. */
export const comparedArms = (run: ArmsRun, over: ArmRow, under: ArmRow): Compared | undefined => {
  const [difference, ...others] = run.concluded.flatMap((of) => {
    const found = differenceBetween(run, over.name, under.name, of.key)
    return found === undefined ? [] : [{ ...found, of }]
  })
  return difference === undefined ? undefined : { over, under, difference, others }
}

/** Each arm against the baseline, then the main arm against each other arm; no pair twice. */
export const comparisonsOf = (
  run: ArmsRun,
): { readonly withBaseline: ReadonlyArray<Compared>; readonly ofMain: ReadonlyArray<Compared> } => {
  const arms = armsOf(run)
  const compared = (over: ArmRow, under: ArmRow) => comparedArms(run, over, under) ?? []
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
export const isShown = ({ low, high }: Pick<Difference, "low" | "high">): boolean =>
  low !== null && high !== null && (low > 0 || high < 0)

/** True if a conclusion is drawn from the comparison; never from two seeds. */
export const isCompared = ({ seeds, low, high }: Pick<Difference, "seeds" | "low" | "high">): boolean =>
  seeds.length !== 2 && low !== null && high !== null

/** The number of conclusions on all measures, by which Bonferroni's correction divides. */
export const countOf = (all: ReadonlyArray<Compared>): number =>
  all.reduce((n, { difference, others }) => n + [difference, ...others].filter(isCompared).length, 0)

/** The same interval at another level of coverage; undefined if it cannot be made. */
export const atLevel = (
  { value, errors, seeds }: Pick<Difference, "value" | "errors" | "seeds">,
  prompts: number,
  level: number,
): { readonly low: number; readonly high: number } | undefined => {
  if (value === null || errors === null) return undefined
  const half = halfWidth(errors, seeds.length, prompts, level)
  return { low: value - half, high: value + half }
}
