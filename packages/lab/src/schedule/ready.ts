/** The stages of a run that can start, kept up to date as artifacts come: no look at all others for each. */
import type { Stage } from "../stage.ts"

export interface ReadyStages {
  /** The first stage that can start, in the order of the run, of those that `may`; undefined if there is none. */
  readonly first: (may?: (stage: Stage) => boolean) => Stage | undefined
  /** Takes a stage out: it starts. */
  readonly take: (stage: Stage) => void
  /** An artifact is there: the stages that waited for it alone can start. */
  readonly stored: (key: string) => void
}

/**
 * The stages of a run that can start.
 *
 * @param waiting in the order in which they start
 * @param has true for the key of an artifact that is there
 */
export const readyStages = (waiting: ReadonlyArray<Stage>, has: (key: string) => boolean): ReadyStages => {
  const places = new Map(waiting.map(({ key }, place) => [key, place]))
  const missing = new Map<string, number>()
  const waiters = new Map<string, Array<Stage>>()
  const ready: Array<Stage> = []
  for (const stage of waiting) {
    const inputs = new Set(stage.inputs.flatMap(({ key }) => (has(key) ? [] : [key])))
    if (inputs.size === 0) ready.push(stage)
    else missing.set(stage.key, inputs.size)
    for (const key of inputs) {
      const others = waiters.get(key)
      if (others === undefined) waiters.set(key, [stage])
      else others.push(stage)
    }
  }
  /** The place in `ready` of the first stage that is not before this one. */
  const at = ({ key }: Stage): number => {
    const place = places.get(key)!
    let [low, high] = [0, ready.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (places.get(ready[middle]!.key)! < place) low = middle + 1
      else high = middle
    }
    return low
  }
  return {
    first: (may) => (may === undefined ? ready[0] : ready.find(may)),
    take: (stage) => void ready.splice(at(stage), 1),
    stored: (key) => {
      for (const stage of waiters.get(key) ?? []) {
        const left = missing.get(stage.key)! - 1
        missing.set(stage.key, left)
        if (left === 0) ready.splice(at(stage), 0, stage)
      }
      waiters.delete(key)
    },
  }
}
