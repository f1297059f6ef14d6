/** The part of a study that needs no arm trained: the scores of a ranking, of starts or of layers, in seconds. */
import { type Datasets, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import type { Resolved } from "../experiment/resolved.ts"
import { Families } from "../families.ts"
import { buildGraph } from "../graph.ts"
import { tryPlugins } from "../preflight/try-plugins.ts"
import type { Progress } from "../progress.ts"
import { commit, versions } from "../record/machine.ts"
import { checkData, checkModels, checkTexts, sizesFrom } from "../run.ts"
import { runStages } from "../schedule/run-all.ts"
import type { StageError } from "../stage.ts"
import { sharedModels } from "../stages/models.ts"
import { Store } from "../store/store.ts"
import { readTexts } from "../texts.ts"
import type { StudyTable } from "./table.ts"

/**
 * The tables of the scores of an experiment's arms, which the store keeps stage by stage as in a run. No arm is trained, and
 * nothing is written to the results.
 *
 * @error InvalidInput for an experiment whose study has no such part
 */
export const scoresAlone = (
  resolved: Resolved,
): Effect.Effect<ReadonlyArray<StudyTable>, StageError, Datasets | Store | Progress> =>
  Effect.gen(function* () {
    const store = yield* Store
    yield* tryPlugins(resolved)
    const texts = yield* readTexts(resolved)
    const graph = yield* buildGraph(resolved, texts, (data) => sizesFrom(store.find(data.kind, data.key)))
    const planned = graph.study ?? graph.reading
    const before = planned?.instance.before
    if (planned === undefined || before === undefined) {
      const problems = ["it scores nothing: its study is no ranking"]
      return yield* new InvalidInput({ what: `experiment ${resolved.name}`, problems })
    }
    const stages = planned.stages.filter(before.reads)
    const made = { versions: { ...versions(), commit: commit() } }
    yield* checkModels(resolved, texts, graph)
    const text = yield* runStages([graph.data, ...graph.texts], made)
    yield* checkData(resolved, graph, text)
    yield* checkTexts(resolved, graph, text)
    const leaves = stages.map(({ stage }) => stage)
    const artifacts = yield* runStages(leaves, { ...made, have: { artifacts: text } })
    const findings = stages.map(({ stage, ...of }) => ({ ...of, summary: artifacts.get(stage.key)!.manifest.summary }))
    return before.report({ names: resolved.arms.map(({ name }) => name), seeds: resolved.seeds }, findings)
  }).pipe(Effect.provideService(Families, resolved.families), Effect.provide(sharedModels()))
