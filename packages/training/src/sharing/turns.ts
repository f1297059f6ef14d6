/**
 * A filter with a memory that micro-batches change, such as a moving average, decides in their order: each process waits for
 * its turn, and gets the memory of the one before it.
 */
import { type FilterInstance, InvalidInput } from "@winnow/core"
import type { Group } from "@winnow/tensor"

/** The turns of the rounds of a step. */
export interface Turns {
  /** The filter, which waits for its turn. */
  readonly filter: FilterInstance
  /** Begins a round. @param order the ranks that have a micro-batch, in the order of these */
  readonly begin: (order: ReadonlyArray<number>) => void
  /** Ends the round: takes over the memory of the ranks after this one. @error GroupBroken */
  readonly end: () => void
}

const refuse = (filter: FilterInstance, problem: string): InvalidInput =>
  new InvalidInput({
    what: `filter ${filter.name}`,
    problems: [`${problem}; train it in one process, without --devices`],
  })

/**
 * The turns of a filter; one without a memory has none, and never waits. A memory in tensors is too large to be handed on
 * in each micro-batch, so such a filter is refused when it is asked.
 */
export const turnsOf = (group: Group, filter: FilterInstance): Turns => {
  const none = { begin: () => {}, end: () => {} }
  if ((filter.tensors?.size ?? 0) > 0) {
    const select = () => {
      throw refuse(filter, "has a memory in tensors, which processes do not hand on")
    }
    return { filter: { ...filter, select }, ...none }
  }
  const remembers = (filter.save() ?? null) !== null
  if (!remembers) return { filter, ...none }
  let order: ReadonlyArray<number> = []
  let turn = 0
  /** Passes the turns of others up to the place `until` of the order. */
  const pass = (until: number) => {
    for (; turn < until; turn++) {
      const from = order[turn]!
      const memory = group.exchange(from === group.rank ? filter.save() : null)[from]
      if (from !== group.rank) filter.restore(memory)
    }
  }
  return {
    filter: {
      ...filter,
      select: (input) => {
        const own = order.indexOf(group.rank)
        if (turn > own) throw refuse(filter, "has a memory, and the draft asks it more than once in a micro-batch")
        pass(own)
        try {
          return filter.select(input)
        } finally {
          pass(own + 1)
        }
      },
    },
    begin: (ranks) => {
      order = ranks
      turn = 0
    },
    end: () => pass(order.length),
  }
}
