/** The part of a study that needs no arm trained: the scores of a ranking, of starts or of layers, in seconds. */
import { type Datasets, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import type { Resolved } from "../experiment/resolved.ts"
import { Families } from "../families.ts"
import { buildGraph } from "../graph.ts"
import type { Judge } from "../judge.ts"
import { tryPlugins } from "../preflight/try-plugins.ts"
import type { Progress } from "../progress.ts"
import { choicesTables } from "../record/choices.ts"
import { commit, versions } from "../record/machine.ts"
import { checkData, checkModels, checkTexts, type Launchable, runnerOf, sizesFrom } from "../run.ts"
import { runNeeded, runStages, type ScheduleOptions } from "../schedule/run-all.ts"
import type { Stage, StageError } from "../stage.ts"
import { sharedModels } from "../stages/models.ts"
import { scoreOf } from "../stages/trial.ts"
import { type Artifact, Store } from "../store/store.ts"
import { readTexts } from "../texts.ts"
import type { StudyTable } from "./table.ts"

/** Runs the scores of candidates; trained models stay untried. */
const scoresNow = (
  made: ScheduleOptions,
  have: ReadonlyMap<string, Artifact>,
): Judge<StageError, Datasets | Store | Progress> => ({
  scores: (trials) =>
    Effect.gen(function* () {
      const scores = trials.filter(({ of }) => of !== undefined).map(({ judged }) => judged)
      if (scores.length === 0) return trials.map(() => undefined)
      const artifacts = yield* runNeeded(scores, { ...made, have: { artifacts: have } })
      return trials.map(({ judged, of }) => (of === undefined ? undefined : scoreOf(artifacts.get(judged.key)!, of)))
    }),
  secondsOf: () => undefined,
})

/** An experiment that no other process can load. */
const unlaunched: Launchable = { slug: "scores" }

/**
 * The tables of the scores of an experiment's arms, or of the candidates for its drafts' start, which the store keeps stage
 * by stage as in a run. No arm is trained, and nothing is written to the results. The launcher computes them.
 *
 * @param launchable the experiment's file; without one this process computes them
 * @error InvalidInput for an experiment that scores neither
 */
export const scoresAlone = (
  resolved: Resolved,
  launchable: Launchable = unlaunched,
): Effect.Effect<ReadonlyArray<StudyTable>, StageError, Datasets | Store | Progress> =>
  Effect.gen(function* () {
    const store = yield* Store
    yield* tryPlugins(resolved)
    const texts = yield* readTexts(resolved)
    const sizesOf = (data: Stage) => sizesFrom(store.find(data.kind, data.key))
    const graph = yield* buildGraph(resolved, texts, sizesOf)
    const planned = graph.study ?? graph.reading
    const before = planned?.instance.before
    const { scored } = resolved.draft
    if (scored === undefined && (planned === undefined || before === undefined)) {
      const problems = ["it scores nothing: its study is no ranking, and no scores choose its drafts' start"]
      return yield* new InvalidInput({ what: `experiment ${resolved.name}`, problems })
    }
    const made = { versions: { ...versions(), commit: commit() } }
    yield* checkModels(resolved, texts, graph)
    const text = yield* runStages([graph.data, ...graph.texts], made)
    yield* checkData(resolved, graph, text)
    yield* checkTexts(resolved, graph, text)
    const scores = Effect.gen(function* () {
      if (planned === undefined || before === undefined) {
        const { settled } = yield* buildGraph(resolved, texts, sizesOf, scoresNow(made, text))
        return choicesTables({ choices: settled.choices.filter(({ at }) => at === "draft.start") })
      }
      const stages = planned.stages.filter(before.reads)
      const leaves = stages.map(({ stage }) => stage)
      const artifacts = yield* runNeeded(leaves, { ...made, have: { artifacts: text } })
      const findings = stages.map(({ stage, ...of }) => ({
        ...of,
        summary: artifacts.get(stage.key)!.manifest.summary,
      }))
      return before.report({ names: resolved.arms.map(({ name }) => name), seeds: resolved.seeds }, findings)
    })
    return yield* scores.pipe(Effect.provide(runnerOf(resolved, graph, launchable, texts)))
  }).pipe(Effect.provideService(Families, resolved.families), Effect.provide(sharedModels()))
