/** The stages whose cost is part of a draft's. */
import { isOwn } from "./experiment/places.ts"
import type { ResolvedArm } from "./experiment/resolved.ts"
import { type Stage, shardedSignals } from "./stage.ts"

/** Kinds of stages that a draft's cost includes. The cost excludes the target and its inputs. */
const paid: ReadonlySet<string> = new Set(["arm", "reference", "selection", "signals", shardedSignals, "text"])
const paidWithStarts: ReadonlySet<string> = new Set([...paid, "start"])

/** True if some arm begins with a model of its own: then the cost of each arm includes the training of its start. */
export const countsStarts = (arms: ReadonlyArray<Pick<ResolvedArm, "start">>): boolean =>
  arms.some(({ start }) => isOwn(start))

/**
 * The stages of a draft's total cost: its steps, its reference's steps, and the caches and texts that both read. A cache
 * in shards is the stage that lists them, without the shards.
 *
 * @param withStarts also the training of the models that they begin with
 */
export const paidFor = (trained: Stage, withStarts: boolean): ReadonlyArray<Stage> => {
  const kinds = withStarts ? paidWithStarts : paid
  const byKey = new Map<string, Stage>()
  const seen = new Set<string>()
  const visit = (stage: Stage, isShard = false): void => {
    if (!kinds.has(stage.kind) || seen.has(stage.key)) return
    seen.add(stage.key)
    for (const input of stage.inputs) visit(input, stage.kind === shardedSignals)
    if (!isShard) byKey.set(stage.key, stage)
  }
  visit(trained)
  return [...byKey.values()]
}
