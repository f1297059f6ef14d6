/**
 * Writes a target and a draft of random weights with one tokenizer of random merges, and a prompt file, in a process of its
 * own: bun make-folders.ts FOLDER TARGET DRAFT V.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { saveModel } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { modelOf } from "../decode/pair.ts"
import type { Sizes } from "../side-by-side/common-options.ts"

/** The letters that stand for the 256 bytes in byte-level BPE: printable ones for themselves. */
const letters = (): ReadonlyArray<string> => {
  const isShown = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
  let others = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isShown(byte) ? byte : others++))
}

/** A tokenizer of V tokens: an end, the bytes, and merges of random tokens before them. */
const tokenizerOf = (V: number): object => {
  const tokens = ["<|endoftext|>", ...letters()]
  const known = new Set(tokens)
  const merges: Array<[string, string]> = []
  const rng = seeded(1, "start bench", "merges")
  while (tokens.length < V) {
    const [left, right] = [tokens[1 + rng.below(tokens.length - 1)]!, tokens[1 + rng.below(256)]!]
    if (known.has(left + right)) continue
    merges.push([left, right])
    tokens.push(left + right)
    known.add(left + right)
  }
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true }
  return {
    ...{ version: "1.0", truncation: null, padding: null, normalizer: null, post_processor: null },
    added_tokens: [{ id: 0, content: tokens[0], ...flags }],
    ...{ pre_tokenizer: byteLevel, decoder: byteLevel },
    model: { type: "BPE", vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges },
  }
}

const [folder, targetText, draftText, V] = process.argv.slice(2) as [string, string, string, string]
const vocab = Number(V)
await openEngine()
const tokenizer = JSON.stringify(tokenizerOf(vocab))
for (const [seed, [name, sizes]] of [["target", targetText] as const, ["draft", draftText] as const].entries()) {
  mkdirSync(join(folder, name))
  const model = modelOf(sizes.split(",").map(Number) as unknown as Sizes, vocab, 2048, seed)
  await Effect.runPromise(
    saveModel(model, join(folder, name), { bos_token_id: null, eos_token_id: 0, pad_token_id: 0 }),
  )
  model.dispose()
  writeFileSync(join(folder, name, "tokenizer.json"), tokenizer)
}
writeFileSync(join(folder, "prompts.jsonl"), `${JSON.stringify({ prompt: "The quick brown fox" })}\n`)
