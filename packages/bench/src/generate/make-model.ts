/**
 * Writes a model of random weights and measures the machine for the floor, in a process of its own, so that its memory
 * counts for no side: bun make-model.ts FOLDER OPTIONS prints { bandwidth, float32, bfloat16 }.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { saveModel } from "@winnow/models"
import { native, openEngine, setPrecision, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { modelOf } from "../decode/pair.ts"
import { SEED } from "../decode/seed.ts"
import { atHighestPriority } from "../side-by-side/priority.ts"
import { parseGenerate } from "./options.ts"

/** The fewest seconds of five calls, after one that is not timed. */
const fastest = (run: () => void): number => {
  const seconds = Array.from({ length: 6 }, () => {
    const start = performance.now()
    run()
    return (performance.now() - start) / 1000
  })
  return Math.min(...seconds.slice(1))
}

const [folder, ...args] = process.argv.slice(2) as [string, ...Array<string>]
const { target, vocab, prompt, new: fresh, threads, priority } = parseGenerate(args)
await openEngine({ threads })
setPrecision("float32")
const model = modelOf(target, vocab, Math.max(256, prompt + fresh), SEED)
mkdirSync(join(folder, "target"), { recursive: true })
// No token ends a text: every side generates the requested number.
const endless = { bos_token_id: null, eos_token_id: null, pad_token_id: null }
await Effect.runPromise(saveModel(model, join(folder, "target"), endless))
model.dispose()

/** Bandwidth by reading 256 MB, as a maximum does little besides, and multiply-adds in registers. */
const speeds = () => {
  const x = tf.ones([2 ** 26])
  const bandwidth = 2 ** 28 / fastest(() => tf.tidy(() => void tf.max(x).dataSync()))
  x.dispose()
  // Without the native library there is no figure.
  const flops = (mode: 0 | 1): number | null => {
    const library = native()
    if (library === undefined) return null
    const rounds = 2e6
    const each = library.C.winnow_probe_multiply_adds(mode, 1)
    return (each * rounds) / fastest(() => void library.C.winnow_probe_multiply_adds(mode, rounds))
  }
  return { bandwidth, float32: flops(0), bfloat16: flops(1) }
}
const alone = priority ? atHighestPriority([process.pid], async () => speeds()) : speeds()
console.log(JSON.stringify(await alone))
