/**
 * A run's stages as its record names them: under the keys that they had then. Code that has changed since gives other keys
 * today, and the artifacts behind the run's figures are still those of the record.
 */
import { DataError } from "@winnow/core"
import { Effect } from "effect"
import { isMeasured, type ModelRun } from "../export/chosen-model.ts"
import type { Graph } from "../graph.ts"
import type { Judge } from "../judge.ts"
import { inOrder, type Stage } from "../stage.ts"
import { canonicalJson } from "../store/key.ts"
import type { StoreService } from "../store/store.ts"

/** The scores of a search from the record; a score that it does not have from `otherwise`. */
export const judgedInRecord = (run: ModelRun, otherwise: Judge): Judge => ({
  ...otherwise,
  scores: (trials) => {
    const { sweep } = isMeasured(run) ? run.arms : run
    return Effect.map(otherwise.scores(trials), (scores) =>
      trials.map(({ name, set, rung }, i) => {
        const tried = sweep?.arms.find((arm) => arm.name === name)?.tried
        const point = tried?.find((one) => one.rung === rung && canonicalJson(one.set) === canonicalJson(set))
        return point === undefined ? scores[i] : point.score
      }),
    )
  },
})

/** Stages by kind and label, in the order of a record. */
const grouped = <S extends { readonly kind: string; readonly label: string }>(stages: Iterable<S>) =>
  Map.groupBy(stages, ({ kind, label }) => `${kind}/${label}`)

/**
 * A stage of today's plan with the key that the run's record has for it; it is never computed.
 *
 * @returns undefined for a stage that the record does not have
 */
export const recordedStages = (
  run: Pick<ModelRun, "stages" | "run">,
  { trials, leaves }: Pick<Graph, "trials" | "leaves">,
): ((today: Stage) => Stage | undefined) => {
  const planned = inOrder([...trials, ...leaves])
  const now = grouped(planned)
  const then = grouped(run.stages)
  const keys = new Map(
    [...now].flatMap(([name, stages]) => {
      const recorded = then.get(name) ?? []
      // Stages of one name are told by their order.
      return recorded.length === stages.length ? stages.map(({ key }, i) => [key, recorded[i]!.key] as const) : []
    }),
  )
  return (today) => {
    const key = keys.get(today.key)
    if (key === undefined) return undefined
    const message = `run ${run.run}: ${today.label} was removed from the store while its tokens were read`
    return { ...today, key, inputs: [], run: () => Effect.fail(new DataError({ message })) }
  }
}

/** True if the store's artifact of a draft has the bytes behind the run's figures. */
export const hasRecordedBytes = (
  { weights }: Pick<ModelRun, "weights">,
  { name, seed }: { readonly name: string; readonly seed: number },
  store: StoreService,
  { kind, key }: Stage,
): boolean => {
  const files = new Set(store.find(kind, key)?.manifest.files.map(({ sha256 }) => sha256))
  return weights.filter((one) => one.name === name && one.seed === seed).every(({ sha256 }) => files.has(sha256))
}
