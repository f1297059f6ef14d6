/**
 * Tables of stability: how far the sets of tokens that filters keep agree between seeds, steps and arms, beside the
 * agreement that chance gives, and how far the scores behind them rank the tokens alike.
 *
 * All are of the same tokens, which train nothing. N tokens of the probe.
 */
import type { DataError } from "@winnow/core"
import { chanceJaccard, countKept, jaccard, overlapOf, spearman } from "@winnow/numerics"
import type { ProbePoint } from "@winnow/training"
import { Effect } from "effect"
import type { Graph } from "../graph.ts"
import { readCorrupted, readProbe } from "../stages/probe.ts"
import type { Artifact } from "../store/store.ts"
import { column, type StudyTable, type TableFigure } from "../study/table.ts"

/** The points of an arm under each seed, in the order of their steps. */
export interface ProbedArm {
  readonly name: string
  readonly steps: number
  readonly bySeed: ReadonlyMap<number, ReadonlyArray<ProbePoint>>
  /** 1 for each token of a corrupted answer, [N]; left out where the probe has none. */
  readonly corrupted_N?: Uint8Array | undefined
}

/** The agreement of two choices among the same tokens. */
interface Agreement {
  readonly overlap: number
  readonly chance: number
  /** Spearman's rho of the scores; NaN where there are none, or no two different ones. */
  readonly rho: number
}

/** The agreement of two points; undefined for points of different tokens. */
export const agreementOf = (a: ProbePoint, b: ProbePoint): Agreement | undefined => {
  if (a.kept_N.length !== b.kept_N.length) return undefined
  const both = overlapOf(a.kept_N, b.kept_N)
  const rho = a.score_N && b.score_N ? spearman(a.score_N, b.score_N) : Number.NaN
  return { overlap: jaccard(both), chance: chanceJaccard(both), rho }
}

/** The mean of the finite numbers, with the lowest and the highest; null where there are none. */
const figureOf = (values: ReadonlyArray<number>): TableFigure | null => {
  const all = values.filter(Number.isFinite)
  if (all.length === 0) return null
  const value = all.reduce((sum, x) => sum + x, 0) / all.length
  return { value, low: Math.min(...all), high: Math.max(...all) }
}

const cellsOf = (agreements: ReadonlyArray<Agreement | undefined>) => {
  const all = agreements.filter((one) => one !== undefined)
  const of = (field: keyof Agreement) => figureOf(all.map((one) => one[field]))
  return { overlap: of("overlap"), chance: of("chance"), rho: of("rho") }
}

/** Every pair of a list, each once. */
const pairsOf = <A>(items: ReadonlyArray<A>): ReadonlyArray<readonly [A, A]> =>
  items.flatMap((a, i) => items.slice(i + 1).map((b) => [a, b] as const))

const successive = <A>(items: ReadonlyArray<A>): ReadonlyArray<readonly [A, A]> =>
  items.slice(1).map((b, i) => [items[i]!, b] as const)

const keptOf = ({ kept_N }: ProbePoint): number => countKept(kept_N) / kept_N.length

/** The share of the tokens of corrupted answers that are kept; NaN where there are none. */
const noiseKept = ({ kept_N }: ProbePoint, corrupted_N: Uint8Array = new Uint8Array()): number => {
  let [kept, all] = [0, 0]
  for (const [n, odd] of corrupted_N.entries()) {
    all += odd
    kept += odd * kept_N[n]!
  }
  return kept / all
}

/** The points of all seeds at a step. */
const pointsAt = ({ bySeed }: ProbedArm, step: number): ReadonlyArray<ProbePoint> =>
  [...bySeed.values()].flatMap((points) => points.filter((point) => point.step === step))

const recordedSteps = ({ bySeed }: ProbedArm): ReadonlyArray<number> => [
  ...new Set([...bySeed.values()].flat().map(({ step }) => step)),
]

/** A mean; its range is in the record and in the chart. */
const mean = { kind: "cost", style: "plain" } as const
const range = { kind: "range", style: "plain" } as const
const share = { style: "percent", unit: "%" } as const
const chance = column("chance", "chance", { ...mean, name: "overlap of random sets" })
const more = { direction: "higher" } as const

/** The column of corrupted tokens, in tables of tokens that have some. */
const noiseColumn = (arms: ReadonlyArray<ProbedArm>) =>
  arms.some(({ corrupted_N }) => corrupted_N !== undefined)
    ? [column("noise", "noise %", { ...mean, ...share, name: "kept share of tokens of corrupted answers" })]
    : []

/** Between seeds, at the last step of each. */
const seedsTable = (arms: ReadonlyArray<ProbedArm>): StudyTable => ({
  name: "stability-seeds",
  title: "Kept sets of two seeds, after the last step",
  of: "arm",
  notes: [
    "Overlap: intersection over union of two sets; chance: that of random sets as large; rho: Spearman's rank correlation of the scores. In brackets the lowest and the highest pair.",
  ],
  columns: [
    column("kept", "kept %", { ...mean, ...share }),
    ...noiseColumn(arms),
    chance,
    column("overlap", "overlap", { ...range, ...more, name: "overlap of two seeds" }),
    column("rho", "rho", { ...range, ...more, name: "rank correlation of two seeds" }),
  ],
  rows: arms.map((arm) => {
    const last = pointsAt(arm, recordedSteps(arm).at(-1)!)
    return {
      name: arm.name,
      context: false,
      cells: {
        ...cellsOf(pairsOf(last).map(([a, b]) => agreementOf(a, b))),
        kept: figureOf(last.map(keptOf)),
        ...(arm.corrupted_N && { noise: figureOf(last.map((point) => noiseKept(point, arm.corrupted_N))) }),
      },
    }
  }),
})

/** Between steps of one training. */
const stepsTable = (arms: ReadonlyArray<ProbedArm>): StudyTable => ({
  name: "stability-steps",
  title: "Kept sets of two steps of one training",
  of: "arm",
  notes: [
    "Next: of two recorded steps that follow each other; first, last: of the first and the last recorded step. Chance and rho: of first and last.",
  ],
  columns: [
    chance,
    column("next", "next", { ...range, ...more, name: "overlap of recorded steps that follow each other" }),
    column("drift", "first, last", { ...range, ...more, name: "overlap of the first and the last step" }),
    column("rho", "rho", { ...mean, ...more, name: "rank correlation of the first and the last step" }),
  ],
  rows: arms.map((arm) => {
    const trainings = [...arm.bySeed.values()]
    const next = trainings.flatMap((points) => successive(points).map(([a, b]) => agreementOf(a, b)))
    const drift = cellsOf(trainings.map((points) => agreementOf(points[0]!, points.at(-1)!)))
    return {
      name: arm.name,
      context: false,
      cells: { chance: drift.chance, next: cellsOf(next).overlap, drift: drift.overlap, rho: drift.rho },
    }
  }),
})

/** Between two arms under one seed: of two references, or of two rules. */
const armsTable = (arms: ReadonlyArray<ProbedArm>): StudyTable => ({
  name: "stability-arms",
  title: "Kept sets of two arms, after the last step, under the same seed",
  of: "arms",
  notes: ["Each row two arms: they may differ in reference, rule, text or loss. In brackets the range of the seeds."],
  columns: [
    chance,
    column("overlap", "overlap", { ...range, name: "overlap of two arms" }),
    column("rho", "rho", { ...mean, name: "rank correlation of two arms" }),
  ],
  rows: pairsOf(arms).map(([a, b]) => ({
    name: `${a.name} / ${b.name}`,
    context: false,
    cells: cellsOf(
      [...a.bySeed].map(([seed, points]) => {
        const others = b.bySeed.get(seed)
        return others && agreementOf(points.at(-1)!, others.at(-1)!)
      }),
    ),
  })),
})

/** One row for each arm and recorded step: the source of the chart. */
const courseTable = (arms: ReadonlyArray<ProbedArm>): StudyTable => ({
  name: "stability-course",
  title: "Kept sets over the training",
  of: "arm and step",
  notes: [
    "Seeds: overlap of two seeds at this step. Last: overlap with the same training's last recorded step. Above 0: tokens with a score above 0.",
  ],
  columns: [
    column("arm", "of", { kind: "text" }),
    column("part", "part %", { ...mean, ...share, name: "part of the steps" }),
    column("kept", "kept %", { ...mean, ...share }),
    ...noiseColumn(arms),
    chance,
    column("seeds", "seeds", { ...mean, ...more, name: "overlap of two seeds" }),
    column("last", "last", { ...mean, ...more, name: "overlap with the last step" }),
    column("above", "above 0 %", { ...mean, ...share, name: "scores above 0" }),
  ],
  rows: arms.flatMap((arm) =>
    recordedSteps(arm).map((step) => {
      const here = pointsAt(arm, step)
      const between = cellsOf(pairsOf(here).map(([a, b]) => agreementOf(a, b)))
      const last = cellsOf(
        [...arm.bySeed.values()].flatMap((points) =>
          points.filter((point) => point.step === step).map((point) => agreementOf(point, points.at(-1)!)),
        ),
      )
      const above = here.flatMap(({ score_N }) =>
        score_N ? [score_N.reduce((n, score) => n + (score > 0 ? 1 : 0), 0) / score_N.length] : [],
      )
      return {
        name: `${arm.name} ${step}`,
        context: false,
        cells: {
          arm: arm.name,
          part: { value: step / arm.steps },
          kept: figureOf(here.map(keptOf)),
          ...(arm.corrupted_N && { noise: figureOf(here.map((point) => noiseKept(point, arm.corrupted_N))) }),
          chance: between.chance ?? last.chance,
          seeds: between.overlap,
          last: last.overlap,
          above: figureOf(above),
        },
      }
    }),
  ),
})

/** All tables of the arms that recorded anything; none without such arms. */
export const tablesOf = (arms: ReadonlyArray<ProbedArm>): ReadonlyArray<StudyTable> =>
  [seedsTable(arms), stepsTable(arms), armsTable(arms), courseTable(arms)].filter(({ rows }) => rows.length > 0)

/** The tables of a run. Trainings that failed have no record. */
export const stabilityTables = (
  { measured, settled }: Pick<Graph, "measured" | "settled">,
  artifacts: ReadonlyMap<string, Artifact>,
): Effect.Effect<ReadonlyArray<StudyTable>, DataError> =>
  Effect.gen(function* () {
    if (settled.stability === undefined) return []
    const arms: Array<ProbedArm> = []
    for (const { name, steps } of settled.arms) {
      const bySeed = new Map<number, ReadonlyArray<ProbePoint>>()
      let corrupted_N: Uint8Array | undefined
      for (const { seed, trained } of measured.filter((one) => one.role === "arm" && one.name === name)) {
        const artifact = artifacts.get(trained.key)
        const points = artifact ? yield* readProbe(artifact) : []
        if (points.length > 0) bySeed.set(seed, points)
        if (artifact && points.length > 0) corrupted_N ??= yield* readCorrupted(artifact)
      }
      if (bySeed.size > 0) arms.push({ name, steps, bySeed, corrupted_N })
    }
    return tablesOf(arms)
  })
