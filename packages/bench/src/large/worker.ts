/** One load and the uses of a large frozen model in a process of its own; prints its figures as one JSON line. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import type { Decoder } from "@winnow/core"
import { modelProposer, speculateOne } from "@winnow/decoding"
import { logits } from "@winnow/generation"
import { qwen2 } from "@winnow/model-qwen2"
import { loadDecoder } from "@winnow/models"
import { openEngine, type Precision, setPrecision, tf } from "@winnow/tensor"
import { chunkRowsFor, makeTargetSignals } from "@winnow/training"
import { Effect } from "effect"
import { peakMegabytes } from "../side-by-side/peak.ts"
import type { LargeFigures } from "./bench-large.ts"

/** Rows of logits at once in the pass. */
const CHUNK = 27
/** Entries a token of the cache. */
const TOP = 64
/** Tokens of a text of the data set. */
const TEXT = 64

const { values } = parseArgs({
  options: {
    folder: { type: "string" },
    draft: { type: "string" },
    threads: { type: "string" },
    precision: { type: "string" },
    prompt: { type: "string" },
    tokens: { type: "string" },
    block: { type: "string" },
    score: { type: "string" },
    gamma: { type: "string" },
  },
})
const numberOf = (name: "prompt" | "tokens" | "block" | "score" | "gamma" | "threads") => Number(values[name])
const [prompt, tokens, block] = [numberOf("prompt"), numberOf("tokens"), numberOf("block")]
await openEngine({ threads: numberOf("threads") })
setPrecision(values.precision as Precision)
const emptyMegabytes = peakMegabytes()

/** Seconds that `f` takes, and its result. */
const timed = async <A>(f: () => A | Promise<A>): Promise<readonly [number, A]> => {
  const start = performance.now()
  const result = await f()
  return [(performance.now() - start) / 1000, result]
}
const load = (folder: string) => timed(() => Effect.runPromise(loadDecoder(folder, [qwen2])))

const [loadSeconds, model] = await load(values.folder!)
const loadedMegabytes = peakMegabytes()
const V = model.architecture.vocabularySize
const textOf = (length: number, first = 0) => Int32Array.from({ length }, (_, i) => ((first + i) * 7919) % V)
const text = textOf(prompt)

/** Greedy decoding token by token, then blocks of tokens, as verification has them. */
const decode = async () => {
  const decoding = model.decoding()
  const { quick } = decoding
  if (quick === undefined) throw new Error("decoding is not native here: this bench needs a compiler")
  const greedy = (ids: Int32Array, rows = 1) => timed(() => quick.greedy(ids, 1, rows, false).argmax)
  let [promptSeconds, next] = await greedy(text)
  const [tokenSeconds, blockSeconds]: [Array<number>, Array<number>] = [[], []]
  for (let i = 0; i < tokens; i++) {
    const [seconds, argmax] = await greedy(next.slice(-1))
    tokenSeconds.push(seconds)
    next = argmax
  }
  for (let i = 0; i < tokens / block; i++) {
    const length = decoding.length
    blockSeconds.push((await greedy(text.subarray(0, block), block))[0])
    decoding.rollback(length)
  }
  decoding.dispose()
  return { promptSeconds, tokenSeconds, blockSeconds, decodedMegabytes: peakMegabytes() }
}

/** A frozen target's pass over a text, with logits of some rows. */
const pass = async () => {
  const [passSeconds] = await timed(() =>
    tf.tidy(() => {
      const h_Td = tf.reshape(model.hidden(tf.tensor2d(text, [1, prompt])), [prompt, model.architecture.hiddenSize])
      return logits(model, tf.slice(h_Td, [0, 0], [Math.min(prompt, CHUNK), -1]) as tf.Tensor2D).dataSync()
    }),
  )
  return { passSeconds, passedMegabytes: peakMegabytes() }
}

/** The target's signals of a data set, written as a run writes them. */
const score = async () => {
  const directory = mkdtempSync(join(tmpdir(), "winnow-bench-"))
  try {
    const texts = Math.max(1, Math.round(numberOf("score") / TEXT))
    const examples = Array.from({ length: texts }, (_, e) => ({ ids: textOf(TEXT + 1, e * TEXT), promptLength: 0 }))
    const settings = { identity: { run: "bench large" }, examples, directory, chunkRows: chunkRowsFor(V) }
    const making = makeTargetSignals({ ...settings, target: model, form: { topK: TOP } })
    const [scoreSeconds, { tokens, bytesPerToken }] = await timed(() => Effect.runPromise(making))
    return { scoreSeconds, scored: tokens, cacheBytes: tokens * bytesPerToken, scoredMegabytes: peakMegabytes() }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Speculative decoding with the draft; the text must be the model's own. */
const speculate = async (draft: Decoder, draftSeconds: number) => {
  const settings = { draftLength: numberOf("gamma"), maxNew: tokens }
  const [speculateSeconds, { rollout, counts }] = await timed(() =>
    speculateOne(model, modelProposer(draft), [...text], settings),
  )
  const { accepted, rejected, blocks } = counts
  const written = rollout.tokens.length
  return { draftSeconds, speculateSeconds, written, accepted, rejected, blocks, speculatedMegabytes: peakMegabytes() }
}

const alone = { ...(await decode()), ...(await pass()), ...(await score()) }
const [draftSeconds, draft] = await load(values.draft!)
const figures: LargeFigures = {
  ...{ emptyMegabytes, loadSeconds, loadedMegabytes },
  ...alone,
  ...(await speculate(draft, draftSeconds)),
}
for (const one of [draft, model]) one.dispose()
console.log(JSON.stringify(figures))
