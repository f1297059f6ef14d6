/** Damages tokenizer files: changed fields, flipped bytes, ids out of range. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { loadTokenizer, tokenizerFiles, trainBpe } from "@winnow/data"
import { Effect } from "effect"
import { ended, triedBy } from "../judge.ts"
import type { Kind } from "../kind.ts"
import { jsonOf, pick, spoilField, spoilFile } from "../random.ts"

const texts = ["the cat sat on the mat", "12 + 7 = 19", "grüße an alle", "the dog and the cat and the hen"]

const common = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [
    { id: 0, content: "[UNK]", single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  ],
}
const words = ["[UNK]", "the", "cat", "sat", "on", "mat", "##s", "a", "t", "12", "7"]
const vocab = Object.fromEntries(words.map((word, id) => [word, id]))

/** Tokenizers of kinds that the lab does not train, each with other parts. */
const others: ReadonlyArray<object> = [
  {
    ...common,
    normalizer: { type: "Sequence", normalizers: [{ type: "NFD" }, { type: "Lowercase" }, { type: "StripAccents" }] },
    pre_tokenizer: { type: "Whitespace" },
    post_processor: {
      type: "TemplateProcessing",
      single: [{ Sequence: { id: "A", type_id: 0 } }],
      pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
      special_tokens: {},
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab,
    },
  },
  {
    ...common,
    normalizer: { type: "Replace", pattern: { Regex: " +" }, content: " " },
    pre_tokenizer: { type: "Split", pattern: { Regex: "[a-z]+|\\d" }, behavior: "Isolated", invert: false },
    post_processor: null,
    decoder: { type: "Fuse" },
    model: { type: "WordLevel", unk_token: "[UNK]", vocab },
  },
  {
    ...common,
    normalizer: { type: "Precompiled", precompiled_charsmap: "AAAAAA==" },
    pre_tokenizer: { type: "Metaspace", replacement: "\u2581", prepend_scheme: "always", split: true },
    post_processor: null,
    decoder: { type: "Metaspace", replacement: "\u2581", prepend_scheme: "always", split: true },
    model: { type: "Unigram", unk_id: 0, byte_fallback: false, vocab: words.map((word, i) => [word, -i]) },
  },
]

/** Damage of tokenizer files. */
export const tokenizers: Kind = {
  name: "tokenizers",
  of: "tokenizer files",
  whole: 1000,
  seconds: 20,
  setUp: async (folder) => {
    const base = join(folder, "base")
    mkdirSync(base)
    for (const [name, text] of Object.entries(
      tokenizerFiles(trainBpe(texts, { vocabularySize: 300, splitDigits: true })),
    ))
      writeFileSync(join(base, name), text)
    const encoded = (at: string) =>
      ended(
        Effect.gen(function* () {
          const tokenizer = yield* loadTokenizer(at)
          const ids = (yield* tokenizer.encode(texts)).map((row) => [...row])
          const back = ids.map((row) => tokenizer.decode(row))
          return { ids, back, V: tokenizer.vocabularySize }
        }),
      )
    const bases = [base]
    for (const [i, json] of others.entries()) {
      bases.push(join(folder, `other-${i}`))
      cpSync(base, bases.at(-1)!, { recursive: true })
      writeFileSync(join(bases.at(-1)!, "tokenizer.json"), JSON.stringify(json))
    }
    const whole = new Map<string, string>()
    for (const from of bases) {
      const end = await encoded(from)
      // a tokenizer that is refused undamaged takes part as well
      if (end._tag === "wrong") throw new Error(`${from}: ${end.why}`)
      whole.set(from, JSON.stringify(end._tag === "done" ? end.value : end.message))
    }
    const at = join(folder, "damaged")
    return async (rng, _, tell) => {
      rmSync(at, { recursive: true, force: true })
      const from = rng.below(2) === 0 ? base : pick(rng, bases)
      cpSync(from, at, { recursive: true })
      const file = join(at, "tokenizer.json")
      let damage: string
      if (rng.below(3) > 0) {
        const spoilt = spoilField(rng, JSON.parse(readFileSync(file, "utf8")))
        writeFileSync(file, jsonOf(spoilt.document))
        damage = spoilt.damage
      } else damage = spoilFile(rng, at, "tokenizer.json")
      tell(damage)
      const end = await encoded(at)
      if (end._tag !== "done") return triedBy(damage, end)
      const { ids, V } = end.value
      const outside = ids.flat().find((id) => !Number.isInteger(id) || id < 0 || id >= V)
      if (outside !== undefined) return { outcome: "wrong", damage, detail: `id ${outside} of a vocabulary of ${V}` }
      const same = JSON.stringify(end.value) === whole.get(from)
      return { outcome: same ? "same" : "read", damage, detail: "" }
    }
  },
}
