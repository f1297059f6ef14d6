/** The words and tables of a ranking of layers: within each group of heads, how scores order the layers beside what was reached. */
import { bootstrapInterval, kendallTau } from "@winnow/numerics"
import { shortOfBest } from "./agreement.ts"
import type { NamedScore, Ranked } from "./ranking-report.ts"
import type { StudyReport } from "./study.ts"
import { column, type StudyTable, type TableFigure } from "./table.ts"

/** A head on one layer. */
export interface LayerArm {
  readonly name: string
  /** The heads that differ from it in nothing but the layer. */
  readonly group: string
  readonly layer: number
  readonly reached: TableFigure
  /** The layer's scores by name. */
  readonly scores: ReadonlyMap<string, number>
}

/** Scored layers. */
export interface ScoredLayers {
  readonly arms: ReadonlyArray<LayerArm>
  readonly scores: ReadonlyArray<NamedScore>
  /** A sentence on the samples. */
  readonly samples: string
}

/** Scored layers, and what the heads on them reached. */
export interface RankedLayers extends ScoredLayers {
  readonly reached: Ranked["reached"]
  readonly about: string
  readonly seeds: ReadonlyArray<number>
}

/** The control: the deeper the better, whatever the states are. */
const depth = "depth"

const draws = 1000

/** A number for each arm by a score with its better end up; the layer's number for the control. */
type Promised = (arm: LayerArm) => number | undefined

const promiseOf = (score: NamedScore | typeof depth): Promised => {
  if (score === depth) return ({ layer }) => layer
  const sign = score.instance.better === "higher" ? 1 : -1
  return ({ scores }) => {
    const value = scores.get(score.name)
    return value === undefined ? undefined : sign * value
  }
}

/** An arm by what a score promises and what it reached, both with the better end up. */
interface Pair {
  readonly group: string
  readonly promise: number
  readonly reached: number
}

const pairsOf = ({ arms, reached: { better } }: RankedLayers, promise: Promised): ReadonlyArray<Pair> =>
  arms.flatMap((arm) => {
    const promised = promise(arm)
    const { value } = arm.reached
    if (promised === undefined || value === null) return []
    return [{ group: arm.group, promise: promised, reached: better === "higher" ? value : -value }]
  })

/** The mean over groups of a statistic of a group's pairs; groups without one do not count. */
const meanOver = (
  pairs: ReadonlyArray<Pair>,
  statistic: (promise: ReadonlyArray<number>, reached: ReadonlyArray<number>) => number,
): number => {
  const values = [...Map.groupBy(pairs, ({ group }) => group).values()]
    .filter((of) => of.length >= 2)
    .map((of) =>
      statistic(
        of.map(({ promise }) => promise),
        of.map(({ reached }) => reached),
      ),
    )
    .filter(Number.isFinite)
  return values.length === 0 ? Number.NaN : values.reduce((a, b) => a + b, 0) / values.length
}

/** Such a mean with its interval by a bootstrap over arms; null where no group has one. */
const figureOf = (pairs: ReadonlyArray<Pair>, statistic: Parameters<typeof meanOver>[1]): TableFigure | null => {
  const value = meanOver(pairs, statistic)
  if (!Number.isFinite(value)) return null
  const drawn = (items: ReadonlyArray<number>) =>
    meanOver(
      items.map((i) => pairs[i]!),
      statistic,
    )
  const interval = bootstrapInterval(pairs.length, drawn, { draws })
  return { value, low: interval?.low ?? null, high: interval?.high ?? null }
}

interface Found {
  readonly name: string
  readonly isControl: boolean
  readonly pairs: ReadonlyArray<Pair>
  readonly tau: TableFigure | null
  readonly short: TableFigure | null
}

const foundOf = (of: RankedLayers): ReadonlyArray<Found> =>
  [...of.scores, depth as typeof depth].map((score) => {
    const pairs = pairsOf(of, promiseOf(score))
    return {
      ...{ name: score === depth ? depth : score.name, isControl: score === depth, pairs },
      ...{ tau: figureOf(pairs, kendallTau), short: figureOf(pairs, shortOfBest) },
    }
  })

const share = { style: "percent", unit: "%" } as const

const counted = (n: number, word: string) => `${n} ${word}${n === 1 ? "" : "s"}`

const groupsOf = ({ arms }: Pick<ScoredLayers, "arms">) => [...new Set(arms.map(({ group }) => group))]

const scoresTable = (of: RankedLayers, found: ReadonlyArray<Found>): StudyTable => ({
  name: "scores",
  title: `Scores of layers, and the ${of.reached.name} that heads on them reached`,
  of: "score",
  notes: [
    `tau: Kendall's rank correlation over the layers, the mean of ${counted(groupsOf(of).length, "head")}. Short: what the head on a score's first layer lacks of the head on the best layer. In brackets 95 % intervals, a bootstrap over arms.`,
    "depth is no score: the later the layer, the better. A layer stays frozen here, so that separability should win: h, logme, knn, probe high, and tmi low.",
    of.samples,
  ],
  columns: [
    column("tau", "tau", { kind: "range", direction: "higher", name: "Kendall's tau, mean of the heads" }),
    column("short", "short of the best", {
      ...(of.reached.unit === "%" && share),
      ...{ kind: "range", direction: "lower", name: "reached, short of the best layer" },
    }),
  ],
  rows: found.map(({ name, isControl, tau, short }) => ({ name, context: isControl, cells: { tau, short } })),
})

/** Letters, digits and hyphens: a table's name. */
const slug = (name: string) => name.toLowerCase().replace(/[^a-z0-9]+/g, "-")

const headsTable = (of: RankedLayers, found: ReadonlyArray<Found>): StudyTable => ({
  name: "by-head",
  title: "Kendall's tau by head",
  of: "head",
  notes: ["-: no order."],
  columns: found.map(({ name }) => column(name, name, { kind: "cost", name: `tau of ${name}` })),
  rows: groupsOf(of).map((group) => {
    const cells = found.map(({ name, pairs }) => {
      const tau = meanOver(
        pairs.filter((pair) => pair.group === group),
        kendallTau,
      )
      return [name, { value: Number.isFinite(tau) ? tau : null }] as const
    })
    return { name: group, context: false, cells: Object.fromEntries(cells) }
  }),
})

/** The layers under one head: what was reached, and each score. */
const groupTable = (of: ScoredLayers & Partial<RankedLayers>, group: string): StudyTable => ({
  name: `layers-${slug(group)}`,
  title: `Layers under ${group}`,
  of: "layer",
  notes: ["Layer 0 is the embedding; the last layer is read after the final norm."],
  columns: [
    ...(of.reached
      ? [
          column("reached", of.reached.unit === "%" ? "reached %" : "reached", {
            ...{ ...(of.reached.unit === "%" && share), kind: of.reached.kind, direction: of.reached.better },
            name: `${of.reached.name} reached`,
          }),
        ]
      : []),
    ...of.scores.map(({ name, instance: { unit, better } }) =>
      column(name, name, { ...(unit === "%" && share), kind: "cost", direction: better, name }),
    ),
  ],
  rows: of.arms
    .filter((arm) => arm.group === group)
    .toSorted((a, b) => a.layer - b.layer)
    .map(({ layer, reached, scores }) => ({
      name: String(layer),
      context: false,
      cells: {
        ...(of.reached && { reached }),
        ...Object.fromEntries([...scores].map(([name, value]) => [name, { value }])),
      },
    })),
})

/** The layers' scores under each head, before any training. */
export const tablesOfLayers = (of: ScoredLayers): ReadonlyArray<StudyTable> =>
  groupsOf(of).map((group, i) => {
    const { arms, scores, samples } = of
    const table = groupTable({ arms, scores, samples }, group)
    return i === 0 ? { ...table, notes: [...table.notes, samples] } : table
  })

const write = (figure: TableFigure | null, factor = 1): string => {
  if (figure?.value == null) return "undefined"
  const text = (x: number) => (factor * x).toFixed(factor === 1 ? 2 : 1)
  return figure.low == null || figure.high == null
    ? text(figure.value)
    : `${text(figure.value)} [${text(figure.low)}, ${text(figure.high)}]`
}

/** The report of a ranking of layers. */
export const reportLayers = (of: RankedLayers): StudyReport => {
  const found = foundOf(of)
  const groups = groupsOf(of)
  const tables = [scoresTable(of, found), headsTable(of, found), ...groups.map((group) => groupTable(of, group))]
  const trained = of.arms.filter(({ reached }) => reached.value !== null)
  if (trained.length === 0) return { verdict: "No verdict: no head was trained.", conclusions: [], tables }
  const own = found.find(({ name }) => name === of.about)!
  const control = found.find(({ isControl }) => isControl)!
  const [factor, unit] = of.reached.unit === "%" ? [100, " points"] : [1, ""]
  const scope = `${counted(groups.length, "head")} on ${counted(new Set(trained.map(({ layer }) => layer)).size, "layer")}, ${counted(of.seeds.length, "seed")}, this target`
  return {
    verdict: `${of.about} has Kendall's tau ${write(own.tau)} with the ${of.reached.name} reached, depth has ${write(control.tau)}; ${scope}.`,
    conclusions: [
      `A head on the layer that ${of.about} puts first is ${write(own.short, factor)}${unit} short of the best layer, a head on the last layer ${write(control.short, factor)}${unit}.`,
      ...(groups.length < 4
        ? [`${counted(groups.length, "head")}: with so few, an interval says little of others.`]
        : []),
    ],
    tables,
  }
}
