/** The tokens of a data set that a cache has rows of. */
import type { EncodedExample } from "@winnow/core"
import { type Batch, trainedOffsets } from "@winnow/data"

/** The rows of a cache: those of an example are consecutive, and examples follow in their order. */
export interface Covered {
  /** The first row of each example; the last entry is the number of all rows, [examples + 1]. */
  readonly offsets: (examples: ReadonlyArray<EncodedExample>) => Float64Array
  /** Rows of a batch's sequences. */
  readonly rowsOf: (batch: Batch) => number
}

/** A row for each trained token: the answers of frozen models. */
export const trainedTokens: Covered = { offsets: trainedOffsets, rowsOf: ({ row_N }) => row_N.length }

/** A row for each position that a model reads, prompts included: all tokens of an example but the last. */
export const readTokens: Covered = {
  offsets: (examples) => {
    const offset_E = new Float64Array(examples.length + 1)
    for (const [e, { ids }] of examples.entries()) offset_E[e + 1] = offset_E[e]! + Math.max(0, ids.length - 1)
    return offset_E
  },
  rowsOf: ({ tokens }) => tokens,
}
