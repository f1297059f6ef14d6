/** The comparisons behind a run's conclusions: the arm in question minus another arm. */
import { halfWidth } from "@winnow/numerics"
import type { DifferenceRecord, RowRecord, RunRecord, TotalBudget } from "./schema.ts"

/** A draft of a run, in the form of comparisons. */
export type ArmRow = Pick<RowRecord, "name" | "role" | "budget">

/** A difference of two arms in any measure. */
export type Difference = Omit<DifferenceRecord, "measure"> & { readonly measure: string }

/** A measure with conclusions. */
export interface Concluded {
  /** Its name in differences. */
  readonly key: string
  /** In a sentence: "greedy acceptance". */
  readonly name: string
  /** Its short name after a pair of arms, in brackets: "greedy". */
  readonly short: string
  /** "%" for a share, "nats"; "" for a plain number. */
  readonly unit: string
  readonly better: "higher" | "lower"
}

/** The part of a record that comparisons of arms read. */
export interface ArmsRun {
  readonly rows: ReadonlyArray<ArmRow>
  readonly differences: ReadonlyArray<Difference>
  readonly baseline: string
  readonly about: string | null
  /** The measures with conclusions, the primary one first. */
  readonly concluded: ReadonlyArray<Concluded>
  /** Number of measured texts. */
  readonly prompts: number
  readonly seeds: ReadonlyArray<number>
  /** The scope of the verdict: "this target". */
  readonly scope: string
}

const acceptances: Readonly<Record<RunRecord["primary"], Concluded>> = {
  greedy: { key: "greedyAcceptance", name: "greedy acceptance", short: "greedy", unit: "%", better: "higher" },
  expected: { key: "expectedAcceptance", name: "expected acceptance", short: "expected", unit: "%", better: "higher" },
}

/** A distillation for comparisons of its arms: by both acceptances. */
export const armsRun = (run: RunRecord): ArmsRun => {
  const { greedy, expected } = acceptances
  const concluded = run.primary === "greedy" ? [greedy, expected] : [expected, greedy]
  return { ...run, concluded, prompts: run.conditions.prompts, scope: "this target" }
}

/** The rows of arms, in the experiment's order. */
export const armsOf = <R extends Pick<ArmRow, "role">>({ rows }: { readonly rows: ReadonlyArray<R> }) =>
  rows.filter(({ role }) => role === "arm")

/** The mean over seeds of the total cost of an arm. */
export const meanTotal = ({ budget }: ArmRow, of: keyof TotalBudget): number =>
  budget.reduce((sum, { total }) => sum + total[of], 0) / budget.length

/** The mean over seeds of an arm's passes over the training text; null of another text. */
export const meanPasses = ({ budget }: Pick<ArmRow, "budget">): number | null => {
  const counts = budget.flatMap(({ arm }) => arm.passes ?? [])
  return counts.length === 0 ? null : counts.reduce((a, b) => a + b, 0) / counts.length
}

/** True if the totals of rows include the training of the models that they begin with. */
export const withStarts = (rows: ReadonlyArray<ArmRow>): boolean =>
  rows.some(({ budget }) => budget.some(({ start }) => start !== undefined))

/** The difference of two arms, `over` minus `under`; undefined without a common seed. */
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

/** FLOPs of two arms' whole costs, without caches that both read. */
export const flopsApart = (over: ArmRow, under: ArmRow): readonly [over: number, under: number] => {
  const caches = (row: ArmRow) =>
    row.budget.map(({ signals }) => new Map(signals.map(({ key, flops }) => [key, flops])))
  const [a, b] = [caches(over), caches(under)]
  const shared = a.map((of_S, s) => [...of_S].reduce((sum, [key, flops]) => sum + (b[s]?.has(key) ? flops : 0), 0))
  const mean = shared.reduce((x, y) => x + y, 0) / shared.length
  return [meanTotal(over, "flops") - mean, meanTotal(under, "flops") - mean]
}

/** A difference, and its measure. */
export interface ConcludedDifference extends Difference {
  readonly of: Concluded
}

export interface Compared {
  readonly over: ArmRow
  readonly under: ArmRow
  /** The difference in the primary measure. */
  readonly difference: ConcludedDifference
  /** The differences in the other measures with conclusions. */
  readonly others: ReadonlyArray<ConcludedDifference>
}

/** Two arms, compared; undefined without a common seed. */
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

/** True if the interval excludes 0. */
export const isShown = ({ low, high }: Pick<Difference, "low" | "high">): boolean =>
  low !== null && high !== null && (low > 0 || high < 0)

/** True if the comparison gives a conclusion; never for two seeds. */
export const isCompared = ({ seeds, low, high }: Pick<Difference, "seeds" | "low" | "high">): boolean =>
  seeds.length !== 2 && low !== null && high !== null

/** Shares that differ by less are level: two points. */
export const levelMargin = 0.02

/**
 * True if a difference of shares is shown to be less than the margin, to either side: by two one-sided tests at 5 %,
 * whose 90 % interval lies within it. An interval that contains 0 shows no such thing by itself.
 *
 * @source Schuirmann (1987), doi 10.1007/BF01068419
 */
export const isLevel = (difference: ConcludedDifference, prompts: number): boolean => {
  if (difference.of.unit !== "%" || !isCompared(difference)) return false
  const ends = atLevel(difference, prompts, 0.9)
  return ends !== undefined && isWithinMargin(ends)
}

/** The ends of an interval. */
interface Ends {
  readonly low: number
  readonly high: number
}

const isWithinMargin = ({ low, high }: Ends): boolean => low > -levelMargin && high < levelMargin

/** The finding on the first arm of a difference; `open`: neither a difference nor equality is shown. */
export type Standing = "ahead" | "behind" | "level" | "open"

/** The finding of a difference; undefined where nothing is concluded from it. A difference that is shown is no level one. */
export const standingOf = (difference: ConcludedDifference, prompts: number): Standing | undefined => {
  if (!isCompared(difference)) return undefined
  if (!isShown(difference)) return isLevel(difference, prompts) ? "level" : "open"
  return sideOf(difference.value!, difference.of)
}

const sideOf = (value: number, { better }: Concluded): Standing =>
  value > 0 === (better === "higher") ? "ahead" : "behind"

/** The finding of a mean over runs, by its interval at 95 % and at 90 %. */
export const standingOver = (of: Concluded, mean: Ends & { readonly value: number }, at90: Ends): Standing => {
  if (isShown(mean)) return sideOf(mean.value, of)
  return of.unit === "%" && isWithinMargin(at90) ? "level" : "open"
}

/** The number of conclusions on all measures, by which Bonferroni's correction divides. */
export const countOf = (all: ReadonlyArray<Compared>): number =>
  all.reduce((n, { difference, others }) => n + [difference, ...others].filter(isCompared).length, 0)

/** The same interval at another level of coverage; undefined if it cannot be made. */
export const atLevel = (
  { value, errors, seeds }: Pick<Difference, "value" | "errors" | "seeds">,
  prompts: number,
  level: number,
): Ends | undefined => {
  if (value === null || errors === null) return undefined
  const half = halfWidth(errors, seeds.length, prompts, level)
  return { low: value - half, high: value + half }
}
