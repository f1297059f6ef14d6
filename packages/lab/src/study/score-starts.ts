/** The part of a study that needs no arm trained: the scores of the starts of a ranking, in seconds. */
import { type Datasets, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import type { Resolved } from "../experiment/resolved.ts"
import { Families } from "../families.ts"
import { buildGraph } from "../graph.ts"
import { tryPlugins } from "../preflight/try-plugins.ts"
import type { Progress } from "../progress.ts"
import { commit, versions } from "../record/machine.ts"
import { runStages } from "../schedule/run-all.ts"
import type { StageError } from "../stage.ts"
import { sharedModels } from "../stages/models.ts"
import type { Store } from "../store/store.ts"
import { readTexts } from "../texts.ts"
import type { StudyTable } from "./table.ts"

/**
 * The tables of the starts of an experiment's arms, which the store keeps stage by stage as in a run. No arm is trained, and
 * nothing is written to the results.
 *
 * @error InvalidInput for an experiment whose study has no such part
 */
export const scoreStarts = (
  resolved: Resolved,
): Effect.Effect<ReadonlyArray<StudyTable>, StageError, Datasets | Store | Progress> =>
  Effect.gen(function* () {
    yield* tryPlugins(resolved)
    const graph = yield* buildGraph(resolved, yield* readTexts(resolved))
    const before = graph.study?.instance.before
    if (graph.study === undefined || before === undefined) {
      const problems = ["it scores no starts: its study is no ranking"]
      return yield* new InvalidInput({ what: `experiment ${resolved.name}`, problems })
    }
    const stages = graph.study.stages.filter(before.reads)
    const made = { versions: { ...versions(), commit: commit() } }
    const artifacts = yield* runStages(
      stages.map(({ stage }) => stage),
      made,
    )
    const findings = stages.map(({ stage, ...of }) => ({ ...of, summary: artifacts.get(stage.key)!.manifest.summary }))
    return before.report({ names: resolved.arms.map(({ name }) => name), seeds: resolved.seeds }, findings)
  }).pipe(Effect.provideService(Families, resolved.families), Effect.provide(sharedModels()))
