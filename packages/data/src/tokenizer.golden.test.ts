/** Five public tokenizers agree with the Python library; needs WINNOW_DATA. */
import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { encodeAll, encodeOne } from "../test/encode-one.ts"
import { byteCharacters, specialToken } from "./byte-level.ts"
import { makeTokenizer, type Tokenizer } from "./tokenizer.ts"

const data = process.env["WINNOW_DATA"]
const read = (name: string) => readFileSync(join(data!, "tokenizers", name), "utf8")

const byteLevelBpe = (
  vocab: Record<string, number>,
  merges: ReadonlyArray<readonly [string, string]>,
  special: ReadonlyArray<string>,
  extra: object,
) => {
  const decoder = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true }
  const first = Object.keys(vocab).length
  return makeTokenizer({
    version: "1.0",
    added_tokens: special.map((content, i) => specialToken(vocab[content] ?? first + i, content)),
    normalizer: null,
    pre_tokenizer: decoder,
    post_processor: null,
    decoder,
    model: { type: "BPE", vocab, merges, ignore_merges: false },
    ...extra,
  })
}

/** From OpenAI's two files. */
const gpt2 = () => {
  const vocab = JSON.parse(read("gpt2.encoder.json")) as Record<string, number>
  const lines = read("gpt2.vocab.bpe").trimEnd().split("\n").slice(1)
  return byteLevelBpe(
    vocab,
    lines.map((line) => line.split(" ") as [string, string]),
    ["<|endoftext|>"],
    {},
  )
}

/** From tiktoken's ranks: a token's merge is the last merge that BPE with the lower ranks leaves. */
const qwen2 = () => {
  const ranks = new Map<string, number>()
  for (const line of read("qwen2.tiktoken").trimEnd().split("\n")) {
    const [bytes, rank] = line.split(" ") as [string, string]
    ranks.set(Array.from(Buffer.from(bytes, "base64"), (byte) => byteCharacters[byte]!).join(""), Number(rank))
  }
  const merges: Array<[string, string]> = []
  for (const [token, rank] of ranks) {
    const parts = Array.from(token)
    while (parts.length > 2) {
      let best = -1
      let lowest = rank
      for (let i = 1; i < parts.length; i++) {
        const r = ranks.get(parts[i - 1]! + parts[i]!)
        if (r !== undefined && r < lowest) [best, lowest] = [i, r]
      }
      if (best < 0) break
      parts.splice(best - 1, 2, parts[best - 1]! + parts[best]!)
    }
    if (parts.length === 2) merges.push(parts as [string, string])
  }
  const Regex =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
  return byteLevelBpe(Object.fromEntries(ranks), merges, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], {
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
  })
}

const fromJson = (name: string) => () => makeTokenizer(JSON.parse(read(`${name}.tokenizer.json`)))

const tokenizers: ReadonlyArray<readonly [string, () => Tokenizer, number]> = [
  ["gpt2", gpt2, 50257],
  ["gpt_neox_20b", fromJson("gpt_neox_20b"), 50277],
  ["qwen2", qwen2, 151646],
  ["mistral_v1", fromJson("mistral_v1"), 32000],
  ["minimind", fromJson("minimind"), 6400],
]

// The reason is in the title, as bun:test prints no other text for a skipped test.
const without = data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""

describe.skipIf(data === undefined)(`golden ids${without}`, () => {
  for (const [name, make, vocabularySize] of tokenizers)
    test(name, async () => {
      const tokenizer = make()
      expect(tokenizer.vocabularySize).toBe(vocabularySize)
      const lines = read(`${name}.golden.jsonl`).trimEnd().split("\n")
      expect(lines.length).toBeGreaterThan(40)
      const goldens = lines.map((line) => JSON.parse(line) as { text: string; ids: ReadonlyArray<number> })
      const options = { specialTokens: "ids" } as const
      const all = await encodeAll(
        tokenizer,
        goldens.map(({ text }) => text),
        options,
      )
      for (const [i, { text, ids }] of goldens.entries()) {
        expect([text, all[i]]).toEqual([text, ids])
        expect([text, await encodeOne(tokenizer, text, options)]).toEqual([text, ids])
      }
    })
})
