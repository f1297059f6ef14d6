/** The order of stages that could run at the same time. */
import { inOrder, type Stage } from "../stage.ts"

/**
 * Stages by the longest chain that waits for them, longest first: the target before drafts, drafts before measurements.
 * Equal ones keep their order: seed by seed, arm by arm.
 *
 * @param order all stages, each after its inputs
 */
export const longestFirst = (order: ReadonlyArray<Stage>): ReadonlyArray<Stage> => {
  /** By key: the length of the longest chain of stages that waits for it. */
  const chain = new Map<string, number>()
  for (const { key, inputs } of order.toReversed()) {
    const own = chain.get(key) ?? 0
    chain.set(key, own)
    for (const input of inputs) chain.set(input.key, Math.max(chain.get(input.key) ?? 0, own + 1))
  }
  return order.toSorted((a, b) => chain.get(b.key)! - chain.get(a.key)!)
}

const flopsOf = ({ work }: Stage): number => work.flops ?? 0

/**
 * True if the rest of a run waits for this stage: training comes after it, and all stages that could run beside it are
 * less work. Cores kept for others would then be idle. False for a stage of unknown work.
 *
 * @param todo the stages that wait or run
 */
export const restWaitsFor = (stage: Stage, todo: ReadonlyArray<Stage>): boolean => {
  const after = new Set([stage.key])
  let [beside, later] = [0, 0]
  const left = new Set(todo.map(({ key }) => key))
  for (const other of inOrder(todo)) {
    if (other.key === stage.key) continue
    if (other.inputs.some(({ key }) => after.has(key))) {
      after.add(other.key)
      later += flopsOf(other)
    } else if (left.has(other.key)) beside += flopsOf(other)
  }
  return later > 0 && flopsOf(stage) > beside
}
