/** A run's record against the record of its repeat, figure by figure. */
import type { RunRecord } from "../record/schema.ts"
import { type Leaf, leavesOf, sameLeaf } from "../runs/leaves.ts"
import { unlikeness } from "./likeness.ts"
import { notCompared, tolerances } from "./rules.ts"

/** The last loss of each training stage, by its label: what metrics.jsonl adds to a record. */
export type FinalLosses = ReadonlyArray<{ readonly label: string; readonly loss: number }>

/** A record with what stands beside it. */
export interface Repeatable {
  readonly record: RunRecord
  /** Null where the run's metrics.jsonl is not there. */
  readonly finalLosses: FinalLosses | null
}

/** One figure that is not the same in both. */
export interface Deviation {
  readonly path: string
  readonly recorded: Leaf | undefined
  readonly repeated: Leaf | undefined
  /** |repeated - recorded|, relative to the recorded where the tolerance is; null for what is no number, or is not on both sides. */
  readonly deviation: number | null
  readonly relative: boolean
  /** The largest that counts as reproduced; 0 where the figures must be the same. */
  readonly allowed: number
  readonly within: boolean
  readonly why: string
}

export interface Repeated {
  readonly reproduced: boolean
  /** True if all had to be equal to the last digit. */
  readonly exact: boolean
  /** Why not: other code, another machine. */
  readonly unlike: ReadonlyArray<string>
  /** Figures and settings that were compared, and those of them that are the same. */
  readonly compared: number
  readonly equal: number
  /** All that differ, those that are out of their tolerance first, then by their share of it. */
  readonly deviations: ReadonlyArray<Deviation>
}

const documentOf = ({ record, finalLosses }: Repeatable, both: boolean): unknown =>
  both && finalLosses !== null ? { ...record, finalLosses } : record

/** Tested tokens of a row at the table's draft length: of one seed, or of all together. */
const testedOf = ({ rows, conditions }: RunRecord, row: string, seed?: string): number =>
  rows
    .filter(({ name }) => name === row)
    .flatMap(({ seeds }) => seeds)
    .filter((figures) => seed === undefined || String(figures.seed) === seed)
    .flatMap(({ byGamma }) => byGamma.filter(({ gamma }) => gamma === conditions.gamma))
    .reduce((sum, { testedTokens }) => sum + testedTokens, 0)

/**
 * The room of a figure because it is of few tokens or prompts: 1 / sqrt(n), about two standard errors of a share of n
 * that is not near 0 or 1. A small run cannot be held to a tolerance that was measured on a large one; from 2500 tested
 * tokens on the tolerances of the table are the wider ones.
 */
const roomFor = (path: string, record: RunRecord): number => {
  const { rows, conditions, tuning } = record
  if (path.startsWith("target.")) return 1 / Math.sqrt(conditions.prompts)
  if (path.startsWith("tuning.")) return 1 / Math.sqrt(tuning?.prompts ?? 1)
  const [, row, rest = ""] = /^rows\[(.*?)\]\.(.*)$/.exec(path) ?? []
  const [, seed] = /^seeds\[(.*?)\]/.exec(rest) ?? []
  const [, position] = /^byPosition\[(.*?)\]/.exec(rest) ?? []
  const own = rows.find(({ name }) => name === row)?.byPosition.find((p) => String(p.position) === position)
  const least = Math.min(...rows.map(({ name }) => testedOf(record, name)))
  const n = own?.tested ?? (row === undefined ? least : testedOf(record, row, seed))
  return n > 0 ? 1 / Math.sqrt(n) : 1
}

/** True if a path is of a measurement, not of a cost: only the former is of few tokens or prompts. */
const isFigure = (path: string): boolean => !/\.budget\[|\.flops$|^draftParameters/.test(path)

const deviationOf = (
  path: string,
  recorded: Leaf | undefined,
  repeated: Leaf | undefined,
  rule: { readonly by: string; readonly within?: number; readonly why: string },
  room: number,
): Deviation => {
  const common = { path, recorded, repeated, why: rule.why }
  const relative = rule.by === "relative"
  if (typeof recorded !== "number" || typeof repeated !== "number")
    return { ...common, relative, deviation: null, allowed: 0, within: false }
  const scale = relative ? Math.abs(recorded) : 1
  const difference = Math.abs(repeated - recorded)
  // Relative to 0 anything is too far, unless it is the same.
  const deviation = scale === 0 ? (difference === 0 ? 0 : Number.POSITIVE_INFINITY) : difference / scale
  const allowed = rule.by === "exact" ? 0 : Math.max(rule.within ?? 0, room)
  return { ...common, relative, deviation, allowed, within: deviation <= allowed }
}

/** How much of what it is allowed a deviation takes: what is listed first. */
const share = ({ deviation, allowed }: Deviation): number =>
  deviation === null || allowed === 0 ? Number.POSITIVE_INFINITY : deviation / allowed

const exactly = { by: "exact", why: "the same code on the same machine gives the same figures" }

/** Compares the record of a run with that of its repeat. */
export const compareRecords = (recorded: Repeatable, repeated: Repeatable): Repeated => {
  const unlike = unlikeness(recorded.record, repeated.record)
  const exact = unlike.length === 0
  const both = recorded.finalLosses !== null && repeated.finalLosses !== null
  const [a, b] = [leavesOf(documentOf(recorded, both)), leavesOf(documentOf(repeated, both))]
  const deviations: Array<Deviation> = []
  let compared = 0
  for (const path of new Set([...a.keys(), ...b.keys()])) {
    if (notCompared.some((rule) => rule.path.test(path))) continue
    const rule = exact ? exactly : tolerances.find((t) => t.path.test(path))!
    if (rule.by === "skip") continue
    compared++
    const [ofA, ofB] = [a.get(path), b.get(path)]
    if (sameLeaf(ofA, ofB)) continue
    deviations.push(deviationOf(path, ofA, ofB, rule, exact || !isFigure(path) ? 0 : roomFor(path, recorded.record)))
  }
  return {
    reproduced: deviations.every(({ within }) => within),
    exact,
    unlike,
    compared,
    equal: compared - deviations.length,
    deviations: deviations.toSorted((x, y) => Number(x.within) - Number(y.within) || share(y) - share(x)),
  }
}
