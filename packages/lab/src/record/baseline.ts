/** The baseline of a run: the arm that the one in question is compared to. */
import { lastRung, pointAt } from "../search/choose.ts"
import type { Settled } from "../settle.ts"

/**
 * The first arm; or the one that `against` names, of several the one with the best score of the search, of equal scores
 * the first.
 */
export const baselineOf = ({ arms, against, sweep }: Pick<Settled, "arms" | "against" | "sweep">): string => {
  const [first = arms[0]!.name] = against
  const scored = against.flatMap((name) => {
    const found = sweep?.arms.find((arm) => arm.name === name)
    const point = found && pointAt(lastRung(found.tried), found.chosen)
    return point?.score == null ? [] : [{ name, score: sweep!.better === "higher" ? point.score : -point.score }]
  })
  return scored.reduce((best, one) => (one.score > best.score ? one : best), scored[0] ?? { name: first, score: 0 })
    .name
}
