/** Text to ids: BPE trained on generated problems, and GPT-NeoX's tokenizer on GSM8K if WINNOW_DATA has both. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Example } from "@winnow/core"
import { makeTokenizer, type Tokenizer, trainBpe } from "@winnow/data"
import { arithmetic } from "@winnow/task-arithmetic"
import { Effect } from "effect"
import { do_not_optimize } from "mitata"
import { gsm8kExamples } from "../gsm8k.ts"
import { prepared, type Suite } from "../suite.ts"

/** Problems in a call: enough for most words to recur, as in a data set. */
const problems = 500

const textsOf = (examples: ReadonlyArray<Example>) => examples.map(({ prompt, answer }) => prompt + answer)
const bytesOf = (texts: ReadonlyArray<string>) => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)

const encodeAll = async (tokenizer: Tokenizer, texts: ReadonlyArray<string>) =>
  do_not_optimize(await Effect.runPromise(tokenizer.encode(texts)))

const generatedTexts = async () =>
  textsOf((await Effect.runPromise(arithmetic({ train: problems }).instance)).examples("train"))

export const tokenizing: Suite = ({ bench, skip }) => {
  for (const words of ["new", "known"] as const) {
    let bytes = 0
    bench(`BPE of 1024, arithmetic, words ${words}`, {
      work: { amount: () => bytes, unit: "MB/s" },
      setup: async function* () {
        const texts = await generatedTexts()
        bytes = bytesOf(texts)
        const tokenizer = trainBpe(texts, { vocabularySize: 1024 })
        await encodeAll(tokenizer, texts)
        // A tokenizer caches words: a fresh one has an empty cache.
        const fresh = prepared(
          () => makeTokenizer(tokenizer.json),
          (unused) => encodeAll(unused, texts),
        )
        yield words === "new" ? fresh : () => encodeAll(tokenizer, texts)
      },
    })
  }

  const name = "GPT-NeoX, GSM8K"
  const folder = process.env["WINNOW_DATA"]
  if (folder === undefined || folder === "")
    return skip(name, "WINNOW_DATA is not set: set it to a folder of data sets")
  const file = join(folder, "tokenizers", "gpt_neox_20b.tokenizer.json")
  const missing = [file, join(folder, "gsm8k", "train.jsonl")].find((path) => !existsSync(path))
  if (missing !== undefined) return skip(name, `${missing} is missing`)
  const prepare = async () => {
    const texts = textsOf(await gsm8kExamples(folder, problems))
    return { texts, bytes: bytesOf(texts), tokenizer: makeTokenizer(JSON.parse(readFileSync(file, "utf8"))) }
  }
  let bytes = 0
  const work = { amount: () => bytes, unit: "MB/s" } as const
  bench(`${name}, a text a call`, {
    work,
    setup: async function* () {
      const { texts, tokenizer, ...of } = await prepare()
      bytes = of.bytes
      yield async () => {
        for (const text of texts) await encodeAll(tokenizer, [text])
      }
    },
  })
  bench(name, {
    work,
    comparedTo: `${name}, a text a call`,
    setup: async function* () {
      const { texts, tokenizer, ...of } = await prepare()
      bytes = of.bytes
      yield () => encodeAll(tokenizer, texts)
    },
  })
  bench(`${name}, ids to text`, {
    work,
    setup: async function* () {
      const { texts, tokenizer, ...of } = await prepare()
      bytes = of.bytes
      const ids = await Effect.runPromise(tokenizer.encode(texts))
      yield () => {
        for (const one of ids) do_not_optimize(tokenizer.decode(one))
      }
    },
  })
}
