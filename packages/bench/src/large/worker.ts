/** One load and one text of a large model in a process of its own; prints its figures as one JSON line. */
import { parseArgs } from "node:util"
import { logits } from "@winnow/generation"
import { qwen2 } from "@winnow/model-qwen2"
import { loadDecoder } from "@winnow/models"
import { openEngine, type Precision, setPrecision, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { peakMegabytes } from "../side-by-side/peak.ts"
import type { LargeFigures } from "./bench-large.ts"

/** Rows of logits at once. */
const CHUNK = 27

const { values } = parseArgs({
  options: {
    folder: { type: "string" },
    threads: { type: "string" },
    precision: { type: "string" },
    prompt: { type: "string" },
    tokens: { type: "string" },
    block: { type: "string" },
  },
})
const [prompt, tokens, block] = [Number(values.prompt), Number(values.tokens), Number(values.block)]
await openEngine({ threads: Number(values.threads) })
setPrecision(values.precision as Precision)
const emptyMegabytes = peakMegabytes()

/** Seconds that `f` takes, and its result. */
const timed = async <A>(f: () => A | Promise<A>): Promise<readonly [number, A]> => {
  const start = performance.now()
  const result = await f()
  return [(performance.now() - start) / 1000, result]
}

const [loadSeconds, model] = await timed(() => Effect.runPromise(loadDecoder(values.folder!, [qwen2])))
const loadedMegabytes = peakMegabytes()
const decoding = model.decoding()
const { quick } = decoding
if (quick === undefined) throw new Error("decoding is not native here: this bench needs a compiler")
const greedy = (ids: Int32Array, rows = 1) => timed(() => quick.greedy(ids, 1, rows, false).argmax)
const V = model.architecture.vocabularySize
const text = Int32Array.from({ length: prompt }, (_, i) => (i * 7919) % V)
let [promptSeconds, next] = await greedy(text)
const tokenSeconds: Array<number> = []
for (let i = 0; i < tokens; i++) {
  const [seconds, argmax] = await greedy(next.slice(-1))
  tokenSeconds.push(seconds)
  next = argmax
}
const blockSeconds: Array<number> = []
for (let i = 0; i < tokens / block; i++) {
  const length = decoding.length
  blockSeconds.push((await greedy(text.subarray(0, block), block))[0])
  decoding.rollback(length)
}
decoding.dispose()
const decodedMegabytes = peakMegabytes()
// a frozen target's pass over a text, its logits in chunks, as in scoring a data set
const [passSeconds] = await timed(() =>
  tf.tidy(() => {
    const h_Td = tf.reshape(model.hidden(tf.tensor2d(text, [1, prompt])), [prompt, model.architecture.hiddenSize])
    return logits(model, tf.slice(h_Td, [0, 0], [Math.min(prompt, CHUNK), -1]) as tf.Tensor2D).dataSync()
  }),
)
model.dispose()
const figures: LargeFigures = {
  ...{ emptyMegabytes, loadSeconds, loadedMegabytes, promptSeconds, tokenSeconds, blockSeconds },
  ...{ decodedMegabytes, passSeconds },
  peakMegabytes: peakMegabytes(),
}
console.log(JSON.stringify(figures))
