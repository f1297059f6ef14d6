/** The choices of a filter, in a form small enough for an event. */
import type { Statistics } from "@winnow/core"
import type { EntryTokens } from "./draft-entries.ts"
import type { KeptEvent } from "./events.ts"

/** Mean active loss of the kept and of the dropped tokens, if the filter needs the draft's loss. */
export const keptLosses = (
  statistics: Partial<Statistics>,
  weights_N: Uint8Array | Float32Array,
): { keptLoss?: number; droppedLoss?: number } => {
  const loss_N = statistics.draftLoss_N ?? statistics.draftNll_N
  if (loss_N === undefined) return {}
  const sums = [0, 0]
  const counts = [0, 0]
  for (let n = 0; n < loss_N.length; n++) {
    const side = weights_N[n]! > 0 ? 0 : 1
    sums[side]! += loss_N[n]!
    counts[side]! += 1
  }
  return {
    ...(counts[0]! > 0 && { keptLoss: sums[0]! / counts[0]! }),
    ...(counts[1]! > 0 && { droppedLoss: sums[1]! / counts[1]! }),
  }
}

/** The first `count` sequences of a micro-batch, token by token. */
export const keptSequences = (
  { sequence_N, gold_N }: EntryTokens,
  weights_N: Uint8Array | Float32Array,
  count: number,
): KeptEvent["sequences"] =>
  [...new Set(sequence_N)].slice(0, count).map((b) => {
    const rows = Array.from(sequence_N.keys()).filter((n) => sequence_N[n] === b)
    return { gold: rows.map((n) => gold_N[n]!), weights: rows.map((n) => weights_N[n]!) }
  })
