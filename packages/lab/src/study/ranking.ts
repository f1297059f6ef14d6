/**
 * A ranking of starts: does a score of the model before training predict what the draft reaches after it?
 *
 * Each arm is a candidate: the same filter, loss and budget from another start. The scores of each start stand beside
 * what the arm reached, and rank correlations measure how far both put the candidates in one order.
 */
import { InvalidInput, type MeasureUse, measureUse, scoreUse, tryScore } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import { armsOf } from "../record/comparisons.ts"
import type { RunRecord } from "../record/schema.ts"
import { type Sampling, samplesStage } from "../stages/samples.ts"
import { type StartScore, startScoresStage } from "../stages/start-scores.ts"
import { lastLayer, type NamedScore, reportRanking, type Start, tablesOfScores } from "./ranking-report.ts"
import { defineStudy, type StudyFinding } from "./study.ts"
import type { TableFigure } from "./table.ts"

const options = type({
  "+": "reject",
  // The scores by name.
  scores: type({ "[string]": scoreUse }),
  // The class of a state: the target's most probable next token, the gold one, or the whole text's answer.
  labels: "'target' | 'gold' | 'answer' = 'target'",
  split: "'train' | 'validation' = 'validation'",
  // Trained tokens that are scored, at least: whole texts from the split's beginning.
  tokens: "number.integer >= 2 = 4096",
  classes: "number.integer >= 2 = 64",
  // States of each class; 16 is above the neighbours of every score here, and below the rarer tokens' numbers.
  perClass: type("number.integer >= 2").or("'all'").default(16),
  layers: "'last' | 'all' = 'last'",
  // The first starts whose overlap is counted; 5 is TMI's own number.
  top: "number.integer >= 1 = 5",
  // Left out: the acceptance that the run's primary names.
  "reached?": type("'greedy' | 'expected'").or(measureUse),
  // The score that the verdict is of; the first if left out.
  "about?": "string",
  // The score beside which the others have to tell something; the one named zero-shot if left out and there is one.
  "beside?": "string",
})

const acceptances = {
  greedy: { name: "greedy acceptance", key: "greedyAcceptance" },
  expected: { name: "expected acceptance", key: "expectedAcceptance" },
} as const

/** Numbers of findings by seed. */
const bySeed = (findings: ReadonlyArray<StudyFinding>, row: string, of: string, field: string) =>
  new Map(
    findings.flatMap((f) => {
      const value = f.summary[field]
      return f.row === row && f.of === of && typeof value === "number" ? [[f.seed, value] as const] : []
    }),
  )

/** The scores of one start by layer and seed; the last layer stands under its own name, whatever its number. */
const scoresOf = (findings: ReadonlyArray<StudyFinding>, row: string, score: string) => {
  const layers = new Map<number, Map<number, number>>()
  for (const { summary, seed, of, row: ofRow } of findings) {
    if (ofRow !== row || of !== "scores") continue
    const found = (summary["scores"] as Readonly<Record<string, StartScore>>)[score]!
    const below = found.byLayer?.slice(0, -1) ?? []
    for (const [layer, value] of [...below, [lastLayer, found.score] as const])
      layers.set(layer, (layers.get(layer) ?? new Map<number, number>()).set(seed, value))
  }
  return layers
}

/** The figures that the arms reached: by the run's own acceptance, or by a measure of the study. */
const reachedOf = (run: RunRecord, findings: ReadonlyArray<StudyFinding>, by: "greedy" | "expected" | MeasureUse) =>
  new Map(
    armsOf(run).map((row): readonly [string, Pick<Start, "reachedUnder"> & { readonly reached: TableFigure }] => {
      if (typeof by !== "string") {
        const values = bySeed(findings, row.name, "reached", "value")
        const all = [...values.values()]
        const mean = all.length === 0 ? null : all.reduce((a, b) => a + b, 0) / all.length
        const ends = all.length === 0 ? {} : { low: Math.min(...all), high: Math.max(...all) }
        return [row.name, { reached: { value: mean, ...ends, seeds: all.length }, reachedUnder: values }]
      }
      const { key } = acceptances[by]
      const { value, low, high, seeds } = row[key]
      const values = new Map(row.seeds.flatMap((of) => (of[key] === null ? [] : [[of.seed, of[key]] as const])))
      return [row.name, { reached: { value, low, high, seeds }, reachedUnder: values }]
    }),
  )

const startsOf = (
  run: RunRecord,
  findings: ReadonlyArray<StudyFinding>,
  scores: ReadonlyArray<NamedScore>,
  by: "greedy" | "expected" | MeasureUse,
): ReadonlyArray<Start> =>
  [...reachedOf(run, findings, by)].map(([name, reached]) => ({
    name,
    ...reached,
    scores: new Map(scores.map((score) => [score.name, scoresOf(findings, name, score.name)])),
  }))

/** Problems of the names that options give, found before any work. */
export const nameProblems = (
  {
    about,
    beside,
    perClass,
  }: { readonly about?: string; readonly beside?: string; readonly perClass: Sampling["perClass"] },
  scores: ReadonlyArray<NamedScore>,
): ReadonlyArray<string> => {
  const names = scores.map(({ name }) => name)
  const odd = names.filter((name) => !/^[a-z0-9][a-z0-9-]{0,29}$/.test(name))
  const few = scores.filter(({ instance }) => perClass !== "all" && instance.least > perClass)
  return [
    ...(names.length === 0 ? ["scores has none; expected one at least, such as { knn: knn() }"] : []),
    ...odd.map((name) => `scores.${name}: expected a name in lower-case letters, digits and hyphens, at most 30`),
    ...[about, beside].flatMap((name) =>
      name === undefined || names.includes(name) ? [] : [`${name} is none of the scores ${names.join(", ")}`],
    ),
    ...few.map(
      ({ name, instance }) => `score ${name} reads ${instance.least} states a class, and perClass is ${perClass}`,
    ),
  ]
}

/**
 * The study `ranking`: scores the start of every arm, and compares the orders of the scores with what the arms reached.
 *
 * @param options.scores plugins of kind `score`, by name; of two with one plugin each has its own options
 * @param options.reached a measure in the place of acceptance
 */
export const ranking = defineStudy({
  name: "ranking",
  from: import.meta.url,
  options,
  make: (of) =>
    Effect.gen(function* () {
      const { labels, split, tokens, classes, perClass, layers, top } = of
      const scores = yield* Effect.forEach(Object.entries(of.scores), ([name, use]) =>
        Effect.map(use.instance, (instance): NamedScore => ({ name, instance })),
      )
      const problems = nameProblems(of, scores)
      if (problems.length > 0) return yield* new InvalidInput({ what: "study ranking", problems })
      const measure = typeof of.reached === "object" ? of.reached : undefined
      if (measure?.task !== undefined) {
        const problems = [`reached: measure ${measure.name} has a task of its own; take one of the experiment's text`]
        return yield* new InvalidInput({ what: "study ranking", problems })
      }
      const measured = measure && (yield* measure.instance)
      const sampling: Sampling = { labels, split, tokens, classes, perClass }
      const beside = of.beside ?? scores.find(({ name }) => name === "zero-shot")?.name
      const each = perClass === "all" ? "all states" : `${perClass} states each`
      const what = { target: "the target's most probable tokens", gold: "the gold tokens", answer: "the answers" }
      const common = {
        ...{ scores, beside, top, about: of.about ?? scores[0]!.name },
        samples: `States: ${what[labels]} as classes, at most ${classes} of them with ${each}, from the ${split} split.`,
      }
      return {
        before: {
          reads: ({ of }) => of === "scores",
          report: ({ names, seeds }, findings) => {
            const starts = names.map((name) => ({
              ...{ name, reached: { value: null }, reachedUnder: new Map<number, number>() },
              scores: new Map(scores.map((score) => [score.name, scoresOf(findings, name, score.name)])),
            }))
            return tablesOfScores({ ...common, seeds, starts })
          },
        },
        trial: () => {
          for (const { instance } of scores) tryScore(instance)
        },
        stages: ({ drafts, data, target, tokenizer, measureBy }) =>
          Effect.gen(function* () {
            const samples = yield* samplesStage(sampling, { data, target, tokenizer })
            const more = measure
              ? yield* Effect.forEach(drafts, ({ name, seed, trained }) =>
                  Effect.map(measureBy(`${measure.name} of ${name}, seed ${seed}`, measure, trained), (stage) => ({
                    ...{ row: name, seed, of: "reached", stage },
                  })),
                )
              : []
            const scored = yield* Effect.forEach(drafts, ({ name, seed, start }) =>
              Effect.map(
                startScoresStage({
                  label: `scores of ${name}'s start, seed ${seed}`,
                  scores: of.scores,
                  ...{ model: start, data, target, samples, sampling, layers, seed },
                }),
                (stage) => ({ row: name, seed, of: "scores", stage }),
              ),
            )
            return [...more, ...scored]
          }),
        report: (run, findings) => {
          const by = of.reached ?? run.primary
          const reached = measured
            ? { name: measured.name, unit: measured.unit, better: measured.better, kind: "range" as const }
            : {
                name: acceptances[by as "greedy" | "expected"].name,
                ...({ unit: "%", better: "higher", kind: "figure" } as const),
              }
          return reportRanking({ ...common, seeds: run.seeds, reached, starts: startsOf(run, findings, scores, by) })
        },
      }
    }),
})
