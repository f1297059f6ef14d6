/** The words and tables of a ranking: how each score orders the starts, beside what they reached. */
import type { ScoreInstance } from "@winnow/core"
import { kendallTau } from "@winnow/numerics"
import { countStyle } from "../table/entries.ts"
import { type Agreement, agreementOf } from "./agreement.ts"
import type { StudyReport } from "./study.ts"
import { column, type StudyTable, type TableFigure } from "./table.ts"

/** A score with the name that the study gives it. */
export interface NamedScore {
  readonly name: string
  readonly instance: ScoreInstance
}

/** One start with what it reached and its scores. */
export interface Start {
  readonly name: string
  /** The figure with its interval; null value: not measured. */
  readonly reached: TableFigure
  /** By seed. */
  readonly reachedUnder: ReadonlyMap<number, number>
  /** By score, then by layer: the score under each seed. */
  readonly scores: ReadonlyMap<string, ReadonlyMap<number, ReadonlyMap<number, number>>>
}

/** Scored starts. */
export interface Scored {
  readonly starts: ReadonlyArray<Start>
  readonly scores: ReadonlyArray<NamedScore>
  readonly seeds: ReadonlyArray<number>
}

/** Scored starts, and the figures that they reached. */
export interface Ranked extends Scored {
  /** The reached figure: its name, "%" for a share, and the kind of its ends: of an interval, or of the seeds' range. */
  readonly reached: {
    readonly name: string
    readonly unit: string
    readonly better: "higher" | "lower"
    readonly kind: "figure" | "range"
  }
  /** The score beside which the others have to tell something. */
  readonly beside: string | undefined
  readonly about: string
  readonly top: number
  /** A sentence on the samples. */
  readonly samples: string
}

/** The layer of scores that read no states, and the last layer of those that do. */
export const lastLayer = Number.POSITIVE_INFINITY

const mean = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0) / values.length

/** The mean of the seeds, and their range; null without a value. */
const rangeOf = (values: ReadonlyArray<number>): TableFigure | null =>
  values.length === 0
    ? null
    : { value: mean(values), low: Math.min(...values), high: Math.max(...values), seeds: values.length }

const valuesOf = ({ scores }: Start, score: string, layer: number) => scores.get(score)?.get(layer)

const signOf = ({ instance }: NamedScore) => (instance.better === "higher" ? 1 : -1)

/** The score of a start with its better end up, mean over the seeds; undefined where it has none. */
const promiseOf = (start: Start, score: NamedScore, layer = lastLayer): number | undefined => {
  const values = [...(valuesOf(start, score.name, layer)?.values() ?? [])]
  return values.length === 0 ? undefined : signOf(score) * mean(values)
}

/** The lists of all starts that have all of these numbers. */
const complete = (rows: ReadonlyArray<ReadonlyArray<number | null | undefined>>) => {
  const whole = rows.filter((row): row is ReadonlyArray<number> => row.every((x) => x != null))
  return (rows[0] ?? []).map((_, i) => whole.map((row) => row[i]!))
}

const agreements = (of: Ranked, score: NamedScore, layer = lastLayer): Agreement => {
  const control = of.scores.find(({ name }) => name === of.beside && name !== score.name)
  const better = of.reached.better === "higher" ? 1 : -1
  const rows = of.starts.map((start) => [
    promiseOf(start, score, layer),
    start.reached.value === null ? null : better * start.reached.value,
    ...(control ? [promiseOf(start, control)] : []),
  ])
  const [promise = [], reached = [], beside] = complete(rows)
  return agreementOf({ promise, reached, control: beside }, of.top)
}

const correlation = { kind: "range", direction: "higher" } as const

/** The first table: the correlations of each score. */
const scoresTable = (of: Ranked, found: ReadonlyMap<string, Agreement>): StudyTable => ({
  name: "scores",
  title: `Scores of ${of.starts.length} starts, and the ${of.reached.name} that the starts reached`,
  of: "score",
  notes: [
    "tau: Kendall's rank correlation; weighted: the best starts count most. In brackets 95 % intervals, a bootstrap over starts.",
    ...(of.beside === undefined
      ? []
      : [`Beside ${of.beside}: the partial rank correlation, what a score tells of starts alike in ${of.beside}.`]),
    of.samples,
  ],
  columns: [
    column("tau", "tau", { ...correlation, name: "Kendall's tau" }),
    ...(of.beside === undefined
      ? []
      : [
          column("beside", `beside ${of.beside}`, {
            ...correlation,
            name: `partial rank correlation beside ${of.beside}`,
          }),
        ]),
    column("weighted", "weighted", { ...correlation, name: "weighted tau" }),
  ],
  rows: of.scores.map(({ name }) => {
    const { tau, weighted, beside } = found.get(name)!
    return { name, context: name === of.beside, cells: { tau, weighted, beside } }
  }),
})

const share = { style: "percent", unit: "%" } as const

const choicesTable = (of: Ranked, found: ReadonlyMap<string, Agreement>): StudyTable => ({
  name: "choices",
  title: "What a choice by each score costs",
  of: "score",
  notes: [
    `Top ${of.top}: the share of its first ${of.top} starts that are among the ${of.top} best. Short: what its first start lacks of the best one.`,
  ],
  columns: [
    column("top", `top ${of.top} %`, { ...share, kind: "range", direction: "higher", name: `of the ${of.top} best` }),
    column("short", "short of the best", {
      ...(of.reached.unit === "%" && share),
      ...{ kind: "range", direction: "lower", name: "reached, short of the best start" },
    }),
  ],
  rows: of.scores.map(({ name }) => {
    const { top, short } = found.get(name)!
    return { name, context: name === of.beside, cells: { top, short } }
  }),
})

/** Layers that every start has, below the last one. */
const layersBelow = (of: Scored, { name }: NamedScore): ReadonlyArray<number> => {
  const lists = of.starts.map(({ scores }) => [...(scores.get(name)?.keys() ?? [])].filter(Number.isFinite))
  return (lists[0] ?? []).filter((layer) => lists.every((list) => list.includes(layer))).toSorted((a, b) => a - b)
}

const layersTable = (of: Ranked): ReadonlyArray<StudyTable> => {
  const byScore = of.scores.map((score) => ({ score, layers: layersBelow(of, score) }))
  const read = byScore.filter(({ layers }) => layers.length > 0)
  if (read.length === 0) return []
  const layers = [...new Set(read.flatMap(({ layers }) => layers)), lastLayer]
  const kind = layers.length > 3 ? "cost" : "range" // intervals of more would not fit a terminal
  const nameOf = (layer: number) => (layer === lastLayer ? "last" : `layer ${layer}`)
  return [
    {
      name: "layers",
      title: "Kendall's tau of each score by layer",
      of: "score",
      notes: ["Layer 0 is the embedding; the last layer is read after the final norm."],
      columns: layers.map((layer) => column(nameOf(layer), nameOf(layer), { ...correlation, kind })),
      rows: read.map(({ score }) => ({
        name: score.name,
        context: false,
        cells: Object.fromEntries(layers.map((layer) => [nameOf(layer), agreements(of, score, layer).tau])),
      })),
    },
  ]
}

const seedsTable = (of: Ranked): StudyTable => ({
  name: "by-seed",
  title: "Kendall's tau by seed",
  of: "score",
  notes: ["Each seed has its own starts and distillations. -: no order."],
  columns: of.seeds.map((seed) =>
    column(`seed ${seed}`, `seed ${seed}`, { kind: "cost", name: `tau of seed ${seed}` }),
  ),
  rows: of.scores.map((score) => ({
    name: score.name,
    context: false,
    cells: Object.fromEntries(
      of.seeds.map((seed) => {
        const better = of.reached.better === "higher" ? 1 : -1
        const rows = of.starts.map((start) => [
          valuesOf(start, score.name, lastLayer)?.get(seed),
          start.reachedUnder.get(seed),
        ])
        const [values = [], reached = []] = complete(rows)
        const tau = signOf(score) * better * kendallTau(values, reached)
        return [`seed ${seed}`, { value: Number.isFinite(tau) ? tau : null }]
      }),
    ),
  })),
})

const reachedColumn = ({ name, unit, better, kind }: Ranked["reached"]) =>
  column("reached", unit === "%" ? "reached %" : "reached", {
    ...{ ...(unit === "%" && share), kind, direction: better },
    name: `${name} reached`,
  })

/** The starts by one score, the most promising first: its rank, its value by layer, and the reached figure. */
const startsTable = (of: Scored & Partial<Ranked>, score: NamedScore): StudyTable => {
  const { unit, better } = score.instance
  const ordered = of.starts.toSorted((a, b) => (promiseOf(b, score) ?? -Infinity) - (promiseOf(a, score) ?? -Infinity))
  const layers = [...layersBelow(of, score), lastLayer]
  const nameOf = (layer: number) =>
    layer !== lastLayer ? `layer ${layer}` : layers.length > 1 ? "last layer" : score.name
  const values = of.starts.flatMap((start) => [...(valuesOf(start, score.name, lastLayer)?.values() ?? [])])
  const style = unit === "%" ? "percent" : unit === "nats" ? "nats" : (countStyle(values) ?? "plain")
  const kind = layers.length > 1 ? "cost" : "range" // ranges of several layers would not fit a terminal
  // Equal scores share the first of their ranks.
  const rankOf = (start: Start) => {
    const own = promiseOf(start, score)
    return own === undefined ? null : 1 + of.starts.filter((s) => (promiseOf(s, score) ?? -Infinity) > own).length
  }
  return {
    name: `by-${score.name}`,
    title: `Starts by ${score.name}, the most promising first`,
    of: "start",
    notes: [
      `${score.name}: ${better} is better; the mean of the seeds${kind === "range" ? ", and in brackets their range" : ""}.`,
    ],
    columns: [
      column("rank", "rank", { kind: "cost", style: "whole" }),
      ...(of.reached ? [reachedColumn(of.reached)] : []),
      ...layers.toReversed().map((layer) =>
        column(layer === lastLayer ? "score" : nameOf(layer), nameOf(layer), {
          ...{ kind, style, unit, direction: better, name: score.name },
        }),
      ),
    ],
    rows: ordered.map((start) => ({
      name: start.name,
      context: false,
      cells: {
        rank: { value: rankOf(start) },
        ...(of.reached && { reached: start.reached }),
        ...Object.fromEntries(
          layers.map((layer) => [
            layer === lastLayer ? "score" : nameOf(layer),
            rangeOf([...(valuesOf(start, score.name, layer)?.values() ?? [])]),
          ]),
        ),
      },
    })),
  }
}

const write = (figure: TableFigure | null): string => {
  if (figure?.value == null) return "undefined"
  const value = figure.value.toFixed(2)
  return figure.low == null || figure.high == null
    ? value
    : `${value} [${figure.low.toFixed(2)}, ${figure.high.toFixed(2)}]`
}

/** Scores in a list, by the sign of their partial correlation's interval. */
const besideSentence = (of: Ranked, found: ReadonlyMap<string, Agreement>): ReadonlyArray<string> => {
  if (of.beside === undefined) return []
  const others = of.scores.map(({ name }) => name).filter((name) => name !== of.beside)
  const where = (holds: (low: number, high: number) => boolean) =>
    others.filter((name) => {
      const { low, high } = found.get(name)!.beside ?? {}
      return low != null && high != null && holds(low, high)
    })
  const list = (names: ReadonlyArray<string>) => names.join(", ") || "none"
  const [more, less] = [where((low) => low > 0), where((_, high) => high < 0)]
  return [
    `Beside ${of.beside}, with an interval above 0: ${list(more)}; below 0, so that the score's better end is the worse one: ${list(less)}.`,
  ]
}

/** The starts by each score, before any training. */
export const tablesOfScores = (of: Scored & { readonly samples: string }): ReadonlyArray<StudyTable> =>
  of.scores.map((score, i) => {
    const table = startsTable({ starts: of.starts, scores: of.scores, seeds: of.seeds }, score)
    return i === 0 ? { ...table, notes: [...table.notes, of.samples] } : table
  })

/** The report of a ranking. */
export const reportRanking = (of: Ranked): StudyReport => {
  const found = new Map(of.scores.map((score) => [score.name, agreements(of, score)]))
  const tables = [
    scoresTable(of, found),
    choicesTable(of, found),
    ...layersTable(of),
    seedsTable(of),
    ...of.scores.map((score) => startsTable(of, score)),
  ]
  const measured = of.starts.filter(({ reached }) => reached.value !== null)
  if (measured.length === 0) return { verdict: "No verdict: no start was distilled.", conclusions: [], tables }
  const own = found.get(of.about)!
  const control = of.beside === undefined || of.beside === of.about ? undefined : found.get(of.beside)!
  const beside = control
    ? `; ${of.beside} has ${write(control.tau)}, and beside it ${of.about} has a partial rank correlation of ${write(own.beside)}`
    : ""
  const scope = `${measured.length} starts, ${of.seeds.length} ${of.seeds.length === 1 ? "seed" : "seeds"}, this target`
  const better = of.reached.better === "higher" ? 1 : -1
  const best = measured.toSorted((a, b) => better * (b.reached.value! - a.reached.value!))[0]!.name
  const about = of.scores.find(({ name }) => name === of.about)!
  const promises = measured.flatMap((start) => {
    const promise = promiseOf(start, about)
    return promise === undefined ? [] : [{ name: start.name, promise }]
  })
  const first = promises.toSorted((a, b) => b.promise - a.promise)[0]?.name
  return {
    verdict: `${of.about} has Kendall's tau ${write(own.tau)} with the ${of.reached.name} reached${beside}; ${scope}.`,
    conclusions: [
      ...(first === undefined ? [] : [`${of.about} puts ${first} first, and ${best} reached the most.`]),
      ...besideSentence(of, found),
      ...(measured.length < 8 ? [`${measured.length} starts: with so few, an interval over starts says little.`] : []),
    ],
    tables,
  }
}
