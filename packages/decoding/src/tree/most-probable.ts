/** The most probable tokens of a distribution. Letters: V vocabulary. */
import type { Probable } from "@winnow/core"

/** The `count` (1 or more) most probable ids in falling order, the lowest of equal ones first; ids without mass are left out. */
export const mostProbable = (p_V: ArrayLike<number>, count: number): ReadonlyArray<Probable> => {
  const best: Array<Probable> = []
  let least = 0
  for (let id = 0; id < p_V.length; id++) {
    const p = p_V[id]!
    if (p <= least) continue
    let at = best.length
    while (at > 0 && best[at - 1]!.p < p) at--
    best.splice(at, 0, { id, p })
    if (best.length > count) best.pop()
    if (best.length === count) least = best[count - 1]!.p
  }
  return best
}
