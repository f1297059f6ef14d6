/**
 * Writes a pair and measures what the floor needs, in a process of its own, so that what it takes is in nobody's peak:
 * bun make-pair.ts FOLDER OPTIONS prints {"bandwidth"}, bytes a second.
 */
import { openEngine, tf } from "@winnow/tensor"
import { parseDecode } from "./options.ts"
import { chainsOf, writePair } from "./pair.ts"
import { SEED } from "./seed.ts"

/** The best of five passes over 256 MB: a maximum reads and does little else. */
const bandwidth = (): number => {
  const x = tf.ones([2 ** 26])
  const seconds = Array.from({ length: 6 }, () => {
    const start = performance.now()
    tf.tidy(() => tf.max(x).dataSync())
    return (performance.now() - start) / 1000
  })
  x.dispose()
  return 2 ** 28 / Math.min(...seconds.slice(1))
}

const [folder, ...args] = process.argv.slice(2)
const { draft, target, vocab, agreement, prompt, gamma, threads, new: fresh } = parseDecode(args)
await openEngine({ threads })
// room for what is proposed beyond the last token
const context = Math.max(2048, prompt + fresh + gamma + 1)
await writePair(folder!, { draft, target, vocab, context }, chainsOf(vocab, agreement, SEED))
console.log(JSON.stringify({ bandwidth: bandwidth() }))
