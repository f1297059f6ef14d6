/**
 * Choices on the validation split: the candidate with the best score becomes the drafts' start, and the best of several
 * arms the start of another one. A choice is a function of the experiment and of artifacts, so every process chooses alike;
 * all stages after it have the keys that they have without a choice.
 */
import { type DataError, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { ownModel } from "./cells.ts"
import type { Resolved } from "./experiment/resolved.ts"
import { type Scored, scoredBy } from "./experiment/scored.ts"
import { searchingOf } from "./experiment/searching.ts"
import type { Judge, Trial } from "./judge.ts"
import { chooseBest, type Tried } from "./search/choose.ts"
import type { Shared } from "./shared.ts"
import { type Sampling, samplesStage } from "./stages/samples.ts"
import { startScoresStage } from "./stages/start-scores.ts"

/** A choice and its candidates. */
export interface Choice {
  /** The place that it fills: "draft.start", "arms.private.start". */
  readonly at: string
  /** The score or the measure that chose, and its better end. */
  readonly by: string
  readonly better: "higher" | "lower"
  readonly dataset: string
  /** The seeds of the candidates; the mean over them counts. */
  readonly seeds: ReadonlyArray<number>
  /** Prompts of a measure; undefined of scores, which read as many texts as they need. */
  readonly prompts?: number
  readonly tried: ReadonlyArray<Tried & { readonly scoresByName: Readonly<Record<string, number | null>> }>
  readonly chosen: string
}

/** The mean; null where one has no value. */
export const meanOf = (scores: ReadonlyArray<number | null | undefined>): number | null => {
  const whole = scores.filter((score) => score != null)
  return whole.length < scores.length ? null : whole.reduce((sum, x) => sum + x, 0) / whole.length
}

/** The trials of the candidates for the drafts' start: one for each score of each candidate under each seed. */
const trialsOf = (scored: Scored, shared: Shared, seeds: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const { among, scores, labels, tokens, classes, perClass } = scored
    const { data, target, tokenizer } = shared
    const sampling: Sampling = { labels, split: "validation", tokens, classes, perClass }
    const samples = yield* samplesStage(sampling, { data, target, tokenizer })
    return yield* Effect.forEach(Object.entries(among), ([name, start]) =>
      Effect.gen(function* () {
        const trials: Array<Trial & { readonly of: string }> = []
        for (const seed of seeds) {
          const { stage: model } = yield* ownModel(start, shared, { name: `candidate ${name}`, seed })
          const judged = yield* startScoresStage({
            label: `scores of candidate ${name}, seed ${seed}`,
            ...{ scores, model, data, target, samples, sampling, layers: "last", seed },
          })
          for (const of of Object.keys(scores)) trials.push({ name, set: {}, trained: model, judged, of })
        }
        return { name, trials }
      }),
    )
  })

/**
 * The drafts' start by its scores, and the choice.
 *
 * @param judge runs the scores, or looks them up; where it knows none, the start of plans stays
 * @error InvalidInput for scores that read more states of a class than are taken
 */
export const chooseStart = <E, R>(
  resolved: Pick<Resolved, "draft" | "task"> & Parameters<typeof searchingOf>[0],
  shared: Shared,
  judge: Judge<E, R>,
): Effect.Effect<
  { readonly draft: Resolved["draft"]; readonly choice: Choice | undefined },
  InvalidInput | DataError | E,
  R
> =>
  Effect.gen(function* () {
    const { draft, task } = resolved
    const { scored } = draft
    if (scored === undefined) return { draft, choice: undefined }
    const by = scoredBy(scored)
    const instances = yield* Effect.forEach(Object.entries(scored.scores), ([name, use]) =>
      Effect.map(use.instance, (instance) => ({ name, instance })),
    )
    const { perClass } = scored
    const problems = instances.flatMap(({ name, instance: { least } }) =>
      perClass !== "all" && least > perClass
        ? [`score ${name} reads ${least} states a class, and perClass is ${perClass}`]
        : [],
    )
    if (problems.length > 0) return yield* new InvalidInput({ what: "draft.start", problems })
    const { better } = instances.find(({ name }) => name === by)!.instance
    const { seeds } = searchingOf(resolved)
    const candidates = yield* trialsOf(scored, shared, seeds)
    const values = yield* judge.scores(candidates.flatMap(({ trials }) => trials))
    let at = 0
    const tried = candidates.map(({ name, trials }) => {
      const own = values.slice(at, (at += trials.length))
      const of = (score: string) => own.filter((_, i) => trials[i]!.of === score)
      const scoresByName = Object.fromEntries(instances.map(({ name: score }) => [score, meanOf(of(score))]))
      const known = own.every((value) => value !== undefined)
      return { name, set: { start: name }, score: scoresByName[by]!, scoresByName, known }
    })
    const { chosen } = yield* chooseBest("draft.start", better, tried)
    const start = chosen["start"] as string // A candidate's name.
    return {
      draft: { start: scored.among[start]!, scored },
      choice: {
        ...{ at: "draft.start", by, better, dataset: `${task.name}/validation`, seeds, chosen: start },
        tried: tried.map(({ known: _, ...one }) => one),
      },
    }
  })
