/** The order of stages where several can run at once. */
import { inOrder, type Stage } from "../stage.ts"

/**
 * Stages by the longest chain that waits for them, longest first: the target before drafts, drafts before measurements. Equal
 * ones stay as they stand: seed by seed, arm by arm.
 *
 * @param order all stages, each after its inputs
 */
export const longestFirst = (order: ReadonlyArray<Stage>): ReadonlyArray<Stage> => {
  /** By key, how many stages wait for it one after another. */
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
 * True if the rest of a run waits for this stage: training comes after it, and what could be run beside it is less work
 * than it is itself. Cores that are kept for others would then be idle. False of a stage whose work is not known.
 *
 * @param todo what is not done: waiting or running
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
