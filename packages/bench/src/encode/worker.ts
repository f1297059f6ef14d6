/** Our encoding as a worker with the peer's protocol: "encode NAME" in, one JSON line of its time and its tokens out. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { loadTokenizer, type Tokenizer } from "@winnow/data"
import { Effect } from "effect"
import { peakMegabytes } from "../side-by-side/peak.ts"

const { values } = parseArgs({ options: { folder: { type: "string" } } })
const folder = values.folder!
const prepared = new Map<string, { readonly tokenizer: Tokenizer; readonly texts: ReadonlyArray<string> }>()
for (const name of readdirSync(folder)) {
  const tokenizer = await Effect.runPromise(loadTokenizer(join(folder, name)))
  prepared.set(name, { tokenizer, texts: JSON.parse(readFileSync(join(folder, name, "texts.json"), "utf8")) })
}
console.log(JSON.stringify({ ready: "Winnow encode" }))
for await (const line of console) {
  const [what, name] = line.trim().split(" ")
  if (what !== "encode") break
  const { tokenizer, texts } = prepared.get(name!)!
  const start = performance.now()
  const ids = await Effect.runPromise(tokenizer.encode(texts))
  const seconds = (performance.now() - start) / 1000
  const tokens = ids.reduce((total, one) => total + one.length, 0)
  const sum = ids.reduce((total, one) => one.reduce((a, id) => a + id, total), 0)
  console.log(JSON.stringify({ seconds, tokens, sum }))
}
console.log(JSON.stringify({ peakMegabytes: peakMegabytes() }))
