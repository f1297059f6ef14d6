import { expect, test } from "bun:test"
import { InvalidInput } from "@winnow/core"
import fc from "fast-check"
import { encodeAll, encodeOne } from "../test/encode-one.ts"
import golden from "./fixtures/bpe-golden.json"
import { makeTokenizer, tokenizerFiles } from "./tokenizer.ts"
import { trainBpe, trainingBpe } from "./train-bpe.ts"

const mergesOf = (tokenizer: ReturnType<typeof trainBpe>) =>
  (tokenizer.json as { model: { merges: ReadonlyArray<readonly [string, string]> } }).model.merges

for (const { vocabularySize, splitDigits, merges, ids } of golden.goldens) {
  const name = `${vocabularySize} tokens, digits ${splitDigits ? "split" : "merged"}`
  test(`${name}: merges and ids are those of the Python library`, async () => {
    const tokenizer = trainBpe(golden.corpus, { vocabularySize, splitDigits })
    expect(mergesOf(tokenizer).map((pair) => pair.join(" "))).toEqual(merges)
    const ours = await encodeAll(tokenizer, golden.texts, { specialTokens: "ids" })
    for (const [i, text] of golden.texts.entries()) {
      expect([text, ours[i]]).toEqual([text, ids[i]!])
      expect(tokenizer.decode(ids[i]!)).toBe(text)
    }
  })
}

test("a tokenizer read back from its own tokenizer.json is the same", async () => {
  const trained = trainBpe(golden.corpus, { vocabularySize: 320 })
  const read = makeTokenizer(JSON.parse(tokenizerFiles(trained)["tokenizer.json"]!))
  expect(read.fingerprint).toBe(trained.fingerprint)
  expect([read.eos, read.eosId, read.vocabularySize]).toEqual(["<|endoftext|>", 0, 320])
  expect(await encodeAll(read, golden.texts)).toEqual(await encodeAll(trained, golden.texts))
})

test("split digits are single tokens for any training text", async () => {
  const tokenizer = trainBpe(Array(50).fill("12 12 12 1212"), { vocabularySize: 300 })
  expect((await encodeOne(tokenizer, "1212")).map((id) => tokenizer.decode([id]))).toEqual(["1", "2", "1", "2"])
})

/**
 * Counts all pairs again for each merge: the slow definition of training. The words have one script, so pre-splitting
 * plays no part.
 */
const naiveMerges = (words: ReadonlyArray<string>, count: number, alphabet: ReadonlyArray<string>) => {
  const tokens = ["<|endoftext|>", ...alphabet]
  let split = words.map((word) => Array.from(word))
  const merges: Array<string> = []
  while (merges.length < count) {
    const counts = new Map<string, number>()
    for (const word of split)
      for (let i = 1; i < word.length; i++) {
        const pair = `${word[i - 1]} ${word[i]}`
        counts.set(pair, (counts.get(pair) ?? 0) + 1)
      }
    const order = (pair: string) => pair.split(" ").map((token) => tokens.indexOf(token)) as [number, number]
    const [best] = [...counts].toSorted(([a, m], [b, n]) => {
      const [[al, ar], [bl, br]] = [order(a), order(b)]
      return n - m || al - bl || ar - br
    })
    if (best === undefined || best[1] < 2) break
    const [left, right] = best[0].split(" ") as [string, string]
    merges.push(best[0])
    if (!tokens.includes(left + right)) tokens.push(left + right)
    split = split.map((word) => {
      const out: Array<string> = []
      for (const token of word) {
        // A pair that was just merged cannot be the left half of the next pair: the empty string keeps them apart.
        if (out.at(-1) === left && token === right) out.splice(-1, 1, left + right, "")
        else out.push(token)
      }
      return out.filter((token) => token !== "")
    })
  }
  return merges
}

test("the incremental counts give the merges of full counts", () => {
  const letters = ["a", "b", "c"] // In the order of their ids.
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 30 }), (words) => {
      const tokenizer = trainBpe(words, { vocabularySize: 257 + 20 })
      const made = mergesOf(tokenizer).map((pair) => pair.join(" "))
      expect(made).toEqual(naiveMerges(words, made.length, letters))
    }),
    { numRuns: 200, seed: 1 },
  )
})

test("the order of the texts does not matter", () => {
  const [a, b] = [golden.corpus, golden.corpus.toReversed()].map((texts) => trainBpe(texts, { vocabularySize: 400 }))
  expect(a!.fingerprint).toBe(b!.fingerprint)
})

test("a text with few pairs gives fewer tokens than asked for", () => {
  expect(trainBpe(["ab", "ab"], { vocabularySize: 1000 }).vocabularySize).toBe(258)
  expect(trainBpe(["ab", "cd"], { vocabularySize: 1000 }).vocabularySize).toBe(257)
  expect(trainBpe(["ab", "cd"], { vocabularySize: 1000, minFrequency: 1 }).vocabularySize).toBe(259)
})

test("too small a vocabulary and no text are refused", () => {
  expect(() => trainBpe(["ab"], { vocabularySize: 256 })).toThrow(InvalidInput)
  expect(() => trainBpe(["ab"], { vocabularySize: 256 })).toThrow("vocabularySize is 256; expected an integer from 257")
  expect(() => trainBpe([""], { vocabularySize: 300 })).toThrow("the texts are empty")
})

test("training comes in pieces of a text, a word or a merge, so that other work has its turn", () => {
  const texts = Array.from({ length: 300 }, (_, i) => `word${i % 50} and ${"ab".repeat(1 + (i % 7))} again`)
  const options = { vocabularySize: 300 }
  const pieces = trainingBpe(texts, options)
  let count = 0
  let next = pieces.next()
  for (; !next.done; next = pieces.next()) count++
  const tokenizer = next.value
  expect(count).toBeGreaterThan(texts.length + (tokenizer.vocabularySize - 257))
  expect(tokenizer.json).toEqual(trainBpe(texts, options).json)
  // An abandoned attempt leaves no state for the next one.
  const stopped = trainingBpe(texts, options)
  for (let i = 0; i < 400; i++) stopped.next()
  expect(trainBpe(texts, options).json).toEqual(tokenizer.json)
})
