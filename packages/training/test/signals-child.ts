/** Writes a cache of signals slowly, tells the tokens computed, and kills itself after some batches if asked to. */
import { writeSync } from "node:fs"
import type { Batch } from "@winnow/data"
import { Effect } from "effect"
import { tinyExamples } from "../src/signals/fixture.ts"
import { writeSignals } from "../src/signals/write.ts"
import { openKiller } from "./killer.ts"

/** The batches of this process before the kill, or none, and the milliseconds after them. */
const [directory, batches, delay] = process.argv.slice(2) as [string, string?, string?]
const kill = await openKiller()

/** A token's row is its example and its position. */
const encode = (batch: Batch): Uint8Array => {
  if (batches !== undefined) Bun.sleepSync(4)
  const words = new Int32Array(batch.row_N.length * 2)
  for (let n = 0; n < batch.row_N.length; n++) {
    words[2 * n] = batch.example_B[batch.sequence_N[n]!]!
    words[2 * n + 1] = batch.position_N[n]!
  }
  return new Uint8Array(words.buffer)
}

let [computed, done] = [0, 0]
await Effect.runPromise(
  writeSignals({
    directory,
    identity: { weights: "w", code: "c" },
    examples: tinyExamples(120),
    bytesPerToken: 8,
    encode: (batch) => {
      computed += batch.row_N.length
      writeSync(1, `${computed}\n`)
      if (++done === Number(batches)) kill(Number(delay))
      return encode(batch)
    },
    piece: { bytes: 8 * 30, tokens: 1000 },
    batchTokens: 30,
  }),
)
