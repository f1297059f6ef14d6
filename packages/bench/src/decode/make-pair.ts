/**
 * Writes a pair and, as FOLDER/texts.json, the target's texts of FOLDER/prompts.json; measures the memory bandwidth of
 * the floor. It runs in a process of its own, so that its memory counts for no side: bun make-pair.ts FOLDER OPTIONS
 * prints {"bandwidth"}, bytes a second.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { openEngine, setPrecision, tf } from "@winnow/tensor"
import { parseDecode } from "./options.ts"
import { chainsOf, exchangesOf, writeChains, writeFlat, writeShapeChains } from "./pair.ts"
import { SEED } from "./seed.ts"
import { textsOf } from "./texts.ts"

/** The best of five passes over 256 MB: a maximum does little besides reading. */
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

const [folder, ...args] = process.argv.slice(2) as [string, ...Array<string>]
const options = parseDecode(args)
const { shape, draft, target, vocab, margins, agreement, prompt, gamma, threads, new: fresh } = options
await openEngine({ threads })
setPrecision("float32")
// The context has room for tokens that are proposed beyond the last one.
const sizes = { draft, target, vocab, context: Math.max(2048, prompt + fresh + gamma + 1) }
const chains = () => chainsOf(vocab, agreement, SEED)
if (shape !== undefined) writeShapeChains(folder, shape, chains())
else if (margins === "wide") await writeChains(folder, sizes, chains())
else await writeFlat(folder, sizes, exchangesOf(vocab, agreement, SEED))
const prompts = JSON.parse(readFileSync(join(folder, "prompts.json"), "utf8"))
writeFileSync(join(folder, "texts.json"), JSON.stringify(await textsOf(options, prompts, join(folder, "target"))))
console.log(JSON.stringify({ bandwidth: bandwidth() }))
