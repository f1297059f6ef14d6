/** Writes a cache of signals slowly and reports each piece; signals-kill.test.ts kills this process. */
import type { Batch } from "@winnow/data"
import { Effect } from "effect"
import { tinyExamples } from "../src/signals/fixture.ts"
import { writeSignals } from "../src/signals/write.ts"

const [directory, delay] = process.argv.slice(2) as [string, string]

/** A token's row is its example and its position. */
const encode = (batch: Batch): Uint8Array => {
  Bun.sleepSync(Number(delay))
  const words = new Int32Array(batch.row_N.length * 2)
  for (let n = 0; n < batch.row_N.length; n++) {
    words[2 * n] = batch.example_B[batch.sequence_N[n]!]!
    words[2 * n + 1] = batch.position_N[n]!
  }
  return new Uint8Array(words.buffer)
}

let computed = 0
await Effect.runPromise(
  writeSignals({
    directory,
    identity: { weights: "w", code: "c" },
    examples: tinyExamples(60),
    bytesPerToken: 8,
    encode: (batch) => {
      computed += batch.row_N.length
      process.stdout.write(`batch ${computed}\n`)
      return encode(batch)
    },
    piece: { bytes: 8 * 30, tokens: 1000 },
    batchTokens: 30,
  }),
)
process.stdout.write(`done ${computed}\n`)
