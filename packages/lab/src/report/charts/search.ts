/** The response of a search: a panel for each of its settings, and the table of its trials. */
import { type Domain, isRange } from "../../experiment/domain.ts"
import type { RowRecord, SweepRecord } from "../../record/schema.ts"
import { lastRung } from "../../search/choose.ts"
import { column, type StudyTable, type TableCell } from "../../study/table.ts"
import { faint, rim, rowColours } from "../colours.ts"
import type { Plot } from "../plot.ts"
import type { Chart } from "../svg.ts"
import { across, below, colour, halfHeight, quantity, sizeFor } from "./layout.ts"

/** A run's drafts and its search. */
export interface SearchedRun {
  readonly rows: ReadonlyArray<Pick<RowRecord, "name" | "role">>
  readonly sweep: SweepRecord | null
}

const measured: ReadonlyMap<string, readonly [title: string, format: string]> = new Map([
  ["greedyAcceptance", ["greedy acceptance, validation", ".1%"]],
  ["expectedAcceptance", ["expected acceptance, validation", ".1%"]],
  ["loss", ["loss of the answers, validation, nats", ".3f"]],
])

/** A value of a setting as text or number. */
const plainValue = (value: unknown): string | number =>
  typeof value === "number" || typeof value === "string" ? value : JSON.stringify(value)

const isNumeric = (domain: Domain): boolean => isRange(domain) || domain.every((value) => typeof value === "number")

/** The numbers that were tried, ends of a range included. */
const numbersOf = (domain: Domain): ReadonlyArray<number> =>
  isRange(domain) ? [domain.from, domain.to] : (domain as ReadonlyArray<number>)

const isLog = (domain: Domain): boolean => {
  if (isRange(domain)) return domain.scale === "log"
  const [least, most] = [Math.min(...numbersOf(domain)), Math.max(...numbersOf(domain))]
  return least > 0 && most >= 3 * least
}

const titleOf = (path: string) => (path === "optimizer.learningRate" ? "learning rate" : path)

/** Opacity of a rung's points: the last is full. */
const shadeOf = (rung: number, last: number): number => (last === 0 ? 1 : 0.25 + (0.75 * rung) / last)

/** One panel: the measure against a setting. */
const panel = (run: SearchedRun & { readonly sweep: SweepRecord }, path: string, first: boolean): Plot => {
  const { arms, by, better, over, method } = run.sweep
  const domain = over[path]!
  const [title, format] = measured.get(by) ?? [`${by}, validation`, "~g"]
  const best = better === "higher" ? Math.max : Math.min
  const shown = arms.filter(({ tried }) => tried.some(({ set }) => Object.hasOwn(set, path)))
  const points = shown.flatMap(({ name, tried, chosen, edges }) => {
    const last = Math.max(...tried.map(({ rung = 0 }) => rung))
    return tried.flatMap(({ set, score, rung = 0 }) => {
      if (score === null) return []
      const isChosen = rung === last && JSON.stringify(set) === JSON.stringify(chosen)
      const is = !isChosen ? "tried" : edges.includes(path) ? "at an edge" : "chosen"
      return [{ name, x: plainValue(set[path]), value: score, shade: shadeOf(rung, last), is }]
    })
  })
  // Of a grid a line: each value at the best of the other settings.
  const line =
    method !== undefined || !isNumeric(domain)
      ? []
      : [...Map.groupBy(points, ({ name, x }) => `${name} ${x}`).values()]
          .map((same) => ({ ...same[0]!, value: best(...same.map(({ value }) => value)) }))
          .toSorted((a, b) => Number(a.x) - Number(b.x))
  const { domain: rows, range } = rowColours(run)
  const names = shown.map(({ name }) => name)
  const colourOf = (name: string) => range[rows.indexOf(name)] ?? faint
  const scale = isLog(domain) ? { type: "log", nice: false, padding: 14 } : { nice: false, padding: 14 }
  const values = isRange(domain) ? {} : { values: [...numbersOf(domain)] }
  const x = isNumeric(domain)
    ? quantity(
        "x",
        titleOf(path),
        { ...values, format: "~g", grid: false, labelOverlap: "greedy", labelSeparation: 6 },
        { ...scale, ...(isRange(domain) && { domain: [domain.from, domain.to] }) },
      )
    : { field: "x", type: "nominal", title: titleOf(path), axis: { labelAngle: 0, grid: false } }
  const y = quantity("value", title, { format, tickCount: 6 })
  const draw = (width: number) => {
    const color = colour({ domain: names, range: names.map(colourOf) }, below(names, width))
    const encoding = { x, y, color }
    return {
      ...across(width),
      height: halfHeight,
      data: { values: points },
      layer: [
        ...(line.length > 0
          ? [{ data: { values: line }, mark: { type: "line", strokeWidth: 1.5, opacity: 0.8 }, encoding }]
          : [
              {
                mark: { type: "point", filled: true, size: 30 },
                encoding: { ...encoding, opacity: { field: "shade", type: "quantitative", scale: null, legend: null } },
              },
            ]),
        {
          transform: [{ filter: "datum.is !== 'tried'" }],
          mark: { type: "point", filled: true, size: 90, opacity: 1, stroke: rim, strokeWidth: 1 },
          encoding: {
            ...encoding,
            shape: {
              ...{ field: "is", type: "nominal", legend: null },
              scale: { domain: ["chosen", "at an edge"], range: ["circle", "triangle-up"] },
            },
          },
        },
      ],
    } as Chart
  }
  const edge = shown.some(({ edges }) => edges.includes(path))
  return {
    name: first ? "search" : `search-${path.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`,
    title: path === "optimizer.learningRate" ? "Learning rates" : `The search over ${path}`,
    caption:
      "Under seeds that are not measured. Large point: chosen." +
      (edge ? " Triangle: chosen at an end of what was tried, so a better value may lie beyond." : "") +
      (method?.kind === "halving" ? " Faint points had fewer steps." : "") +
      " A setting at which training stopped itself has no point.",
    size: sizeFor(names),
    data: shown.flatMap(({ name, tried, chosen }) =>
      tried.map(({ set, score, rung, steps }) => ({
        arm: name,
        ...Object.fromEntries(Object.entries(set).map(([key, value]) => [key, plainValue(value)])),
        ...(steps !== undefined && { steps }),
        score,
        chosen: rung === lastRung(tried)[0]?.rung && JSON.stringify(set) === JSON.stringify(chosen) ? "yes" : "no",
      })),
    ),
    draw,
  }
}

/** A panel for each setting of a search; none without one. */
export const searchPlots = (run: SearchedRun): ReadonlyArray<Plot> => {
  const { sweep } = run
  if (sweep === null) return []
  const tried = Object.keys(sweep.over).filter((path) =>
    sweep.arms.some(({ tried }) => tried.some(({ set }) => Object.hasOwn(set, path))),
  )
  // The learning rate first, which nearly every search has.
  const paths = tried.toSorted(
    (a, b) => Number(b === "optimizer.learningRate") - Number(a === "optimizer.learningRate"),
  )
  return paths.map((path, i) => panel({ ...run, sweep }, path, i === 0))
}

/** Every trial of a search: those with the most steps first, then the best. No table without a search. */
export const trialsTables = ({ sweep }: SearchedRun): ReadonlyArray<StudyTable> =>
  sweep === null || sweep.arms.every(({ tried }) => tried.length === 0) ? [] : [trialsTable(sweep)]

const trialsTable = (sweep: SweepRecord): StudyTable => {
  const { arms, by, better, over, dataset, prompts } = sweep
  const sign = better === "higher" ? -1 : 1
  const rank = (score: number | null) => (score === null ? Number.MAX_VALUE : sign * score)
  const percent = by === "greedyAcceptance" || by === "expectedAcceptance"
  const paths = Object.keys(over)
  const rungs = arms.some(({ tried }) => tried.some(({ steps }) => steps !== undefined))
  const cell = (value: unknown): TableCell =>
    value === undefined ? null : typeof value === "number" ? { value } : String(plainValue(value))
  return {
    name: "trials",
    title: "Trials of the search",
    of: "arm",
    notes: [
      `Scores on ${dataset}, ${prompts} prompts, under seeds that are not measured. They chose, so the chosen one's is too good.`,
    ],
    columns: [
      ...(rungs ? [column("steps", "steps", { kind: "cost", style: "whole" })] : []),
      ...paths.map((path) =>
        isNumeric(over[path]!)
          ? column(path, titleOf(path), { kind: "cost", style: "exact" })
          : column(path, titleOf(path), { kind: "text" }),
      ),
      column("score", (measured.get(by)?.[0] ?? by).replace(/, .*/, ""), {
        ...{ kind: "cost", direction: better },
        ...(percent && { style: "percent", unit: "%" }),
      }),
      column("chosen", "chosen", { kind: "text" }),
    ],
    rows: arms.flatMap(({ name, tried, chosen }) => {
      const last = lastRung(tried)
      return tried
        .toSorted((a, b) => (b.rung ?? 0) - (a.rung ?? 0) || rank(a.score) - rank(b.score))
        .map((point) => ({
          name,
          context: !last.includes(point),
          cells: {
            ...(rungs && { steps: cell(point.steps) }),
            ...Object.fromEntries(paths.map((path) => [path, cell(point.set[path])])),
            score: { value: point.score },
            chosen: last.includes(point) && JSON.stringify(point.set) === JSON.stringify(chosen) ? "yes" : "",
          },
        }))
    }),
  }
}
