/** Runs code that uses chance through every possible outcome, each with its probability. */
import type { Chance } from "@winnow/decoding"

export interface Outcome<T> {
  readonly value: T
  readonly weight: number
}

/** A deliberate fault of the enumerated chance, for negative controls. */
export interface Fault {
  /** One uniform serves all acceptance decisions of a run, over all its blocks, instead of a fresh one each. */
  readonly reuseUniform?: boolean
}

/**
 * All outcomes of `run`, depth first: each run takes the decisions of a script, and then the first possible outcome of
 * every further decision; the other outcomes become scripts of their own.
 */
export const everyOutcome = <T>(
  run: (chance: Chance) => T,
  { reuseUniform = false }: Fault = {},
): Array<Outcome<T>> => {
  const outcomes: Array<Outcome<T>> = []
  const scripts: Array<Array<number>> = [[]]
  for (let script = scripts.pop(); script !== undefined; script = scripts.pop()) {
    const taken = [...script]
    let [at, weight] = [0, 1]
    // Earlier decisions have narrowed a reused uniform to [from, below).
    let [from, below] = [0, 1]
    const choose = (probability: ReadonlyArray<number>): number => {
      if (at === taken.length) {
        const possible = probability.flatMap((p, i) => (p > 0 ? [i] : []))
        for (const other of possible.slice(1)) scripts.push([...taken, other])
        taken.push(possible[0]!)
      }
      const choice = taken[at++]!
      weight *= probability[choice]!
      return choice
    }
    const value = run({
      draw: (p_V) => choose([...p_V]),
      accept: (p, q) => {
        const ratio = Math.max(0, Math.min(1, (p / q - from) / (below - from)))
        const accepted = choose([ratio, 1 - ratio]) === 0
        if (reuseUniform && accepted) below = Math.min(below, p / q)
        if (reuseUniform && !accepted) from = Math.max(from, p / q)
        return accepted
      },
    })
    outcomes.push({ value, weight })
  }
  return outcomes
}
