/** Which stage goes first where several can run at once. */
import type { Stage } from "../stage.ts"

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
