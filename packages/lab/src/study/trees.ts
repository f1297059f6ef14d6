/**
 * Trees of proposals: does a second guess at each place pay for the rows that it costs the target?
 *
 * Each trained draft proposes trees of several shapes on the run's texts, greedy and sampled, and against the clock. A chain
 * is the shape `{ widths: [1, 1, 1, 1] }`, measured the same way.
 */
import { mbsu, treeOption } from "@winnow/decoding"
import type { Cell } from "@winnow/numerics"
import { type } from "arktype"
import { Effect } from "effect"
import type { RunRecord } from "../record/schema.ts"
import type { TreeCounts, TreeSummary } from "../stages/tree.ts"
import { estimate } from "../statistics/interval.ts"
import { medianOfRounds, pooled, type Sample } from "../statistics/sample.ts"
import { defineStudy, type StudyFinding, type StudyReport } from "./study.ts"
import { column, type StudyTable, type TableFigure, type TableRow } from "./table.ts"

/** The summaries of one draft with one shape, by seed. */
type Measured = ReadonlyMap<number, TreeSummary>

const figureOf = (sample: Sample, factor = 1): TableFigure => {
  const { value, low, high } = estimate(sample)
  const of = (x: number) => (Number.isFinite(x) ? x * factor : null)
  return { value: of(value), low: of(low), high: of(high), seeds: sample.seeds.length }
}

const mapped = <A>(measured: Measured, of: (summary: TreeSummary) => A): ReadonlyMap<number, A> =>
  new Map([...measured].map(([seed, summary]) => [seed, of(summary)]))

const cells = (measured: Measured, how: "greedy" | "sampled", of: "emitted" | "accepted" | "proposed", factor = 1) =>
  figureOf(pooled(mapped(measured, (summary) => summary[how][of])), factor)

const mean = (values: ReadonlyArray<number>): number => values.reduce((a, b) => a + b, 0) / values.length

/** A mean over seeds of a ratio of seconds; null where nothing was timed. */
const ratioOfSeconds = (
  measured: Measured,
  of: (seconds: NonNullable<TreeSummary["seconds"]>) => number,
): TableFigure | null => {
  const timed = [...measured.values()].flatMap(({ seconds }) => (seconds === null ? [] : [of(seconds)]))
  return timed.length === 0 ? null : { value: mean(timed), seeds: timed.length }
}

const speedupOf = (measured: Measured): TableFigure | null => {
  const timed = [...measured].flatMap(([seed, { ratios }]) => (ratios === null ? [] : [[seed, ratios] as const]))
  return timed.length === 0 ? null : figureOf(medianOfRounds(new Map(timed)))
}

const acceptanceRow = (name: string, measured: Measured): TableRow => {
  const [{ gamma, parameterRatio }] = [...measured.values()] as [TreeSummary]
  return {
    name,
    context: false,
    cells: {
      gamma: { value: gamma },
      tokens: cells(measured, "greedy", "proposed"),
      tau: cells(measured, "greedy", "emitted"),
      sampledTau: cells(measured, "sampled", "emitted"),
      acceptance: cells(measured, "greedy", "accepted"),
      mbsu: cells(measured, "greedy", "emitted", mbsu(1, gamma, parameterRatio)),
      verify: ratioOfSeconds(measured, ({ verify, target }) => verify / target),
      propose: ratioOfSeconds(measured, ({ propose, target }) => propose / target),
      speedup: speedupOf(measured),
    },
  }
}

/** Accepted over judged at one index, all seeds together. */
const share = (measured: Measured, of: (summary: TreeSummary) => Cell | undefined): TableFigure | null => {
  const [accepted, tested] = [...measured.values()].reduce<Cell>(
    ([a, t], summary) => {
      const [x, y] = of(summary) ?? [0, 0]
      return [a + x, t + y]
    },
    [0, 0],
  )
  return tested === 0 ? null : { value: accepted / tested }
}

/** Ranks and depths that a table of 80 columns has room for. */
const most = 4

const byIndex = (
  { name, title, key, notes }: { name: string; title: string; key: "byRank" | "byPlace"; notes: Array<string> },
  rows: ReadonlyArray<readonly [name: string, measured: Measured]>,
): StudyTable => {
  const ways = ["greedy", "sampled"] as const
  const at = Array.from({ length: most }, (_, i) => i)
  return {
    ...{ name, title, of: "tree", notes },
    columns: ways.flatMap((way) =>
      at.map((i) =>
        column(`${way}${i + 1}`, way === "greedy" ? `${i + 1}` : `(${i + 1})`, {
          ...{ kind: "cost", style: "percent", unit: "%", direction: "higher" },
          name: `${way} acceptance at ${i + 1}`,
        }),
      ),
    ),
    rows: rows.map(([name, measured]) => ({
      name,
      context: false,
      cells: Object.fromEntries(
        ways.flatMap((way) =>
          at.map((i) => [`${way}${i + 1}`, share(measured, (of) => (of[way] as TreeCounts)[key][i])]),
        ),
      ),
    })),
  }
}

const reportOf = (
  shapes: ReadonlyArray<string>,
  run: RunRecord,
  findings: ReadonlyArray<StudyFinding>,
): StudyReport => {
  const names = [...new Set(findings.map(({ row }) => row))]
  const rows = names.map((row): readonly [string, Measured] => [
    row,
    new Map(
      findings.filter((of) => of.row === row).map(({ seed, summary }) => [seed, summary as unknown as TreeSummary]),
    ),
  ])
  const table: StudyTable = {
    name: "trees",
    title: `Trees of proposals, ${run.conditions.dataset}`,
    of: "tree",
    notes: [
      "tokens: proposed a target call. tau: tokens of text a target call on the target's greedy texts, in brackets at the run's temperature. place %: tested places of which a token was accepted, greedy.",
      "call, draft: a target call on the tree, and all calls of the draft for it, in target calls on one token.",
    ],
    columns: [
      column("gamma", "gamma", { kind: "cost", style: "whole", name: "longest path" }),
      column("tokens", "tokens", { kind: "cost", name: "tokens proposed a call" }),
      column("tau", "tau", { direction: "higher", name: "block efficiency" }),
      column("sampledTau", "(sampled)", { direction: "higher", name: "block efficiency, sampled" }),
      column("speedup", "speed-up", { direction: "higher", clock: true, name: "speed-up by wall time" }),
      column("verify", "call", { kind: "cost", clock: true, name: "target call on the tree over one on a token" }),
      column("propose", "draft", { kind: "cost", clock: true, name: "draft calls over a target call on a token" }),
      column("acceptance", "place %", { style: "percent", unit: "%", direction: "higher", name: "places accepted" }),
      column("mbsu", "MBSU", { direction: "higher", name: "memory-bound speed-up" }),
    ],
    rows: rows.map(([name, measured]) => acceptanceRow(name, measured)),
  }
  const best = (key: "tau" | "speedup") => {
    const valued = table.rows.flatMap(({ name, cells }) => {
      const value = (cells[key] as TableFigure | null)?.value
      return value == null ? [] : [{ name, value }]
    })
    return valued.toSorted((a, b) => b.value - a.value)[0]
  }
  const [most, fastest] = [best("tau"), best("speedup")]
  const timed = rows.flatMap(([, measured]) => [...measured.values()])
  const sum = (key: "identical" | "timed") => timed.reduce((total, summary) => total + summary[key], 0)
  return {
    verdict:
      most === undefined
        ? `No draft proposed a tree of ${shapes.join(", ")}.`
        : `${most.name} gives the most tokens a target call, ${most.value.toFixed(2)}${fastest === undefined ? "" : `; ${fastest.name} is the fastest, ${fastest.value.toFixed(2)} times the target alone`}.`,
    conclusions: most === undefined ? [] : [`${sum("identical")} of ${sum("timed")} timed texts are the target's own.`],
    tables: [
      table,
      byIndex(
        {
          ...{ name: "ranks", title: "Acceptance by rank among siblings, % of the tokens judged", key: "byRank" },
          notes: ["Those before it were refused. In brackets at the run's temperature."],
        },
        rows,
      ),
      byIndex(
        {
          ...{ name: "depths", title: "Acceptance by place, % of the places tested", key: "byPlace" },
          notes: ["In brackets at the run's temperature."],
        },
        rows,
      ),
    ],
  }
}

/**
 * The study `trees`: the trained drafts with trees of several shapes.
 *
 * @param options.shapes shapes by name
 */
export const trees = defineStudy({
  name: "trees",
  from: import.meta.url,
  options: type({ "+": "reject", shapes: type({ "[string]": treeOption }) }),
  make: ({ shapes }) =>
    Effect.succeed({
      stages: ({ drafts, measureTree }) => {
        const several = new Set(drafts.map(({ name }) => name)).size > 1
        return Effect.succeed(
          Object.entries(shapes).flatMap(([shape, tree]) =>
            drafts.map(({ name, seed, trained }) => ({
              row: several ? `${name}, ${shape}` : shape,
              ...{ seed, of: "tree" },
              stage: measureTree(`${shape} by ${name}, seed ${seed}`, tree, trained),
            })),
          ),
        )
      },
      report: (run, findings) => reportOf(Object.keys(shapes), run, findings),
    }),
})
