/**
 * A ranking of starts: does a score of the model before training predict the acceptance of the draft after it?
 *
 * Each arm is a candidate: the same filter, loss and budget from another start. The score of each start stands beside
 * the acceptance that the arm reached, and Kendall's tau measures how far both put the candidates in one order.
 */
import { type ScoreInstance, scoreUse, tryScore } from "@winnow/core"
import { kendallTau } from "@winnow/numerics"
import { type } from "arktype"
import { Effect } from "effect"
import { armsOf } from "../record/comparisons.ts"
import type { RowRecord, RunRecord } from "../record/schema.ts"
import { startScoreStage } from "../stages/start-score.ts"
import { defineStudy, type StudyFinding, type StudyReport } from "./study.ts"
import { column, type StudyTable, type TableFigure } from "./table.ts"

const acceptance = { style: "percent", unit: "%", direction: "higher" } as const

/** A column of the score: its unit and its better end. */
const scoreColumn = ({ name, better, unit }: ScoreInstance, key: string, head: string) =>
  column(key, head, {
    name,
    kind: "range",
    style: unit === "%" ? "percent" : "nats",
    unit,
    direction: better,
  })

/** The mean of the seeds, and their range; null if a score failed under every seed. */
const rangeOf = (values: ReadonlyArray<number>): TableFigure | null =>
  values.length === 0
    ? null
    : {
        value: values.reduce((a, b) => a + b, 0) / values.length,
        low: Math.min(...values),
        high: Math.max(...values),
        seeds: values.length,
      }

const summed = (findings: ReadonlyArray<StudyFinding>, row: string, of: string, field: string, seed?: number) =>
  findings.flatMap((f) => {
    const value = f.summary[field]
    return f.row === row && f.of === of && (seed === undefined || f.seed === seed) && typeof value === "number"
      ? [value]
      : []
  })

/** Greedy acceptance that an arm reached under a seed; undefined without a measurement. */
const reachedUnder = ({ seeds }: RowRecord, seed: number): number | undefined =>
  seeds.find((figures) => figures.seed === seed)?.greedyAcceptance ?? undefined

/** The values of candidates that both lists have, for a correlation. */
const paired = (a: ReadonlyArray<number | undefined>, b: ReadonlyArray<number | undefined>) => {
  const both = a.flatMap((x, i) => (x === undefined || b[i] === undefined ? [] : [[x, b[i]] as const]))
  return both.length < 2
    ? Number.NaN
    : kendallTau(
        both.map(([x]) => x),
        both.map(([, y]) => y),
      )
}

const finite = (x: number): number | null => (Number.isFinite(x) ? x : null)

const reportOf = (score: ScoreInstance, run: RunRecord, findings: ReadonlyArray<StudyFinding>): StudyReport => {
  const rows = armsOf(run)
  const sign = score.better === "higher" ? 1 : -1
  const scoreOf = (row: string, seed?: number) => rangeOf(summed(findings, row, "score", "score", seed))?.value
  const startOf = (row: string, seed?: number) =>
    rangeOf(summed(findings, row, "start", "greedyAcceptance", seed))?.value ?? undefined
  const promise = (row: string, seed?: number) => {
    const value = scoreOf(row, seed)
    return value == null ? undefined : sign * value
  }
  const tauOf = (of: (row: string, seed: number) => number | undefined) => (seed: number) =>
    paired(
      rows.map(({ name }) => of(name, seed)),
      rows.map((row) => reachedUnder(row, seed)),
    )
  const [scoreTau, startTau] = [tauOf(promise), tauOf(startOf)]
  const ranks = rows.toSorted((a, b) => (promise(b.name) ?? -Infinity) - (promise(a.name) ?? -Infinity))

  const ranking: StudyTable = {
    name: "ranking",
    title: `Starts by ${score.name}, the most promising first`,
    of: "start",
    notes: [
      `Score: ${score.name} of the start on the validation split, ${score.better} is better; in brackets the range of the seeds.`,
      "At start, reached: greedy acceptance before and after the same distillation; ± is half of a 95 % interval.",
    ],
    columns: [
      column("reached", "reached %", { ...acceptance, name: "greedy acceptance reached" }),
      scoreColumn(score, "score", score.name),
      column("start", "at start %", { ...acceptance, kind: "range", name: "greedy acceptance at the start" }),
      column("seeds", "seeds", { kind: "cost", style: "whole" }),
    ],
    rows: ranks.map(({ name, greedyAcceptance: { value, low, high, seeds } }) => ({
      name,
      context: false,
      cells: {
        reached: { value, low, high, seeds },
        score: rangeOf(summed(findings, name, "score", "score")),
        start: rangeOf(summed(findings, name, "start", "greedyAcceptance")),
        seeds: { value: seeds },
      },
    })),
  }
  const bySeed: StudyTable = {
    name: "by-seed",
    title: "Kendall's tau with the acceptance reached, by seed",
    of: "seed",
    notes: [
      `1: the same order of the ${rows.length} starts. Tied pairs count in neither sum; - where there is no order.`,
    ],
    columns: [
      column("score", score.name, { kind: "cost", name: `tau of ${score.name}` }),
      column("start", "at start", { kind: "cost", name: "tau of the acceptance at the start" }),
      ...rows.map(({ name }) => scoreColumn(score, `score of ${name}`, name)),
    ],
    rows: run.seeds.map((seed) => ({
      name: String(seed),
      context: false,
      cells: {
        score: { value: finite(scoreTau(seed)) },
        start: { value: finite(startTau(seed)) },
        ...Object.fromEntries(
          rows.map(({ name }) => [`score of ${name}`, rangeOf(summed(findings, name, "score", "score", seed))]),
        ),
      },
    })),
  }
  const overall = paired(
    rows.map(({ name }) => promise(name)),
    rows.map(({ greedyAcceptance: g }) => g.value ?? undefined),
  )
  const ofStart = paired(
    rows.map(({ name }) => startOf(name)),
    rows.map(({ greedyAcceptance: g }) => g.value ?? undefined),
  )
  const best = rows.toSorted((a, b) => (b.greedyAcceptance.value ?? 0) - (a.greedyAcceptance.value ?? 0))[0]
  const chosen = ranks[0]
  if (best === undefined || chosen === undefined)
    return { verdict: "No verdict: no start was distilled.", conclusions: [], tables: [ranking, bySeed] }
  const hit = chosen.name === best.name ? "which reached the most" : `while ${best.name} reached the most`
  const write = (tau: number) => (Number.isFinite(tau) ? tau.toFixed(2) : "undefined")
  return {
    verdict: `${score.name} puts ${chosen.name} first of ${rows.length} starts, ${hit}; Kendall's tau ${write(overall)} with the acceptance reached, ${run.seeds.length} seeds, this target.`,
    conclusions: [
      `The acceptance of the starts themselves has Kendall's tau ${write(ofStart)} with the acceptance reached: a score has to beat that.`,
      `${rows.length} starts: with so few items tau is one of ${(rows.length * (rows.length - 1)) / 2 + 1} values, so there is no interval.`,
    ],
    tables: [ranking, bySeed],
  }
}

/**
 * The study `ranking`: scores the start of every arm, and compares the order of scores with the reached acceptance.
 *
 * @param options.score a plugin of kind `score`
 * @param options.tokens least number of trained tokens of the validation split that are scored
 */
export const ranking = defineStudy({
  name: "ranking",
  from: import.meta.url,
  options: type({ "+": "reject", score: scoreUse, tokens: "number.integer >= 2 = 1024" }),
  make: ({ score, tokens }) =>
    Effect.map(score.instance, (instance) => ({
      trial: () => tryScore(instance),
      stages: ({ drafts, data, measureOf }) =>
        Effect.map(
          Effect.forEach(drafts, ({ name, seed, start }) =>
            Effect.map(
              startScoreStage({
                label: `score of ${name}'s start, seed ${seed}`,
                score,
                model: start,
                data,
                tokens,
                seed,
              }),
              (stage) => [
                { row: name, seed, of: "score", stage },
                { row: name, seed, of: "start", stage: measureOf(`measure ${name}'s start, seed ${seed}`, start) },
              ],
            ),
          ),
          (all) => all.flat(),
        ),
      report: (run, findings) => reportOf(instance, run, findings),
    })),
})
