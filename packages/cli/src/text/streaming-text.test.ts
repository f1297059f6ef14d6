/** Text by and by against the text of all tokens at once. */
import { expect, test } from "bun:test"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { byteTokenizer, makeCodec, trainBpe } from "@winnow/data"
import { seeded } from "@winnow/numerics"
import { Effect } from "effect"
import { streamingText } from "./streaming-text.ts"

const texts = ["Anna has 3 apples.", "größer — 中文 🤷🏽‍♀️ end", "  two spaces\n\n\ttab", "a\u0301 \ufffd b", "é"]

/** The pieces of ids, the end's last. */
const pieces = (decode: (ids: Iterable<number>) => string, ids: Iterable<number>): ReadonlyArray<string> => {
  const stream = streamingText(decode)
  return [...Array.from(ids, (id) => stream.push(id)), stream.end()]
}

test("a character whose bytes are tokens of their own comes out whole, with its last byte", () => {
  const ids = [...new TextEncoder().encode("a–é")]
  expect(pieces(byteTokenizer.decode, ids)).toEqual(["a", "", "", "–", "", "é", ""])
})

test("bytes that are no character wait for the next one, or the end", () => {
  expect(pieces(byteTokenizer.decode, [0xff, 0xfe, 97])).toEqual(["", "", "\ufffd\ufffda", ""])
  expect(pieces(byteTokenizer.decode, [97, 0xe2, 0x80])).toEqual(["a", "", "", "\ufffd"])
  expect(pieces(byteTokenizer.decode, [])).toEqual([""])
})

const folder = process.env["WINNOW_DATA"] === undefined ? "" : join(process.env["WINNOW_DATA"], "tokenizers")
const published = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith("tokenizer.json")) : []
if (published.length === 0) console.warn("WINNOW_DATA has no tokenizers: only trained ones are tried")

test("all pieces together are the text of all tokens, for every tokenizer and for random ids", async () => {
  const own = [byteTokenizer, trainBpe(texts, { vocabularySize: 300 })]
  const opened = published.map((name) => makeCodec(JSON.parse(readFileSync(join(folder, name), "utf8"))))
  const rng = seeded(1, "ids")
  for (const { encode, decode, vocabularySize } of [...own, ...opened]) {
    const encoded = await Effect.runPromise(encode(texts).pipe(Effect.catch(() => Effect.succeed([]))))
    const random = Array.from({ length: 20 }, () =>
      Array.from({ length: 30 }, () => Math.floor(rng.uniform() * vocabularySize)),
    )
    for (const ids of [...encoded, ...random]) expect(pieces(decode, ids).join("")).toBe(decode(ids))
  }
})
