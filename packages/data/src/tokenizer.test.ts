import { expect, test } from "bun:test"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { byteTokenizer } from "./byte-tokenizer.ts"
import { loadCodec, loadTokenizer, makeTokenizer, tokenizerFiles } from "./tokenizer.ts"

const json = byteTokenizer.json as Record<string, unknown>
const added = (content: string) => ({ ...json, added_tokens: [{ ...(json["added_tokens"] as [object])[0], content }] })

test("the end is the one named, else the config's, else a usual one", () => {
  expect(makeTokenizer(json).eosId).toBe(256)
  expect(makeTokenizer(json, { eos: "a" }).eosId).toBe(0x61)
  expect(makeTokenizer(json, { config: { eos_token: "b" } }).eosId).toBe(0x62)
  expect(makeTokenizer(json, { config: { eos_token: { content: "c" } } }).eosId).toBe(0x63)
  expect(makeTokenizer(json, { config: { eos_token: "b" }, eos: "a" }).eosId).toBe(0x61)
  expect(makeTokenizer(json, { config: { eos_token: null } }).eosId).toBe(256)
})

test("a tokenizer without an end says what it has", () => {
  const { model } = json as { model: { vocab: Record<string, number> } }
  const { "<|endoftext|>": _, ...vocab } = model.vocab
  const endless = { ...added("<stop>"), model: { ...model, vocab } }
  expect(() => makeTokenizer(endless)).toThrow("no end-of-sequence token: none of <|endoftext|>")
  expect(() => makeTokenizer(endless)).toThrow("its added tokens: <stop>; name one with eos")
  expect(() => makeTokenizer(endless, { eos: "<end>" })).toThrow('"<end>" is not in it')
  expect(makeTokenizer(endless, { eos: "<stop>" }).eosId).toBe(256)
})

test("a file that is no tokenizer is refused", () => {
  expect(() => makeTokenizer({})).toThrow("tokenizer.json: model must be an object (was missing)")
  expect(() => makeTokenizer({ ...json, model: { type: "Magic", vocab: {} } })).toThrow("model.type must be")
  expect(() => makeTokenizer(json, { config: { eos_token: 3 } })).toThrow("tokenizer_config.json: eos_token")
})

test("the fingerprint is of the content, not of its white space", () => {
  const again = JSON.parse(JSON.stringify(json, null, 4)) as object
  expect(makeTokenizer(again).fingerprint).toBe(byteTokenizer.fingerprint)
  const other = JSON.parse(JSON.stringify(json).replaceAll("<|endoftext|>", "</s>")) as object
  expect(makeTokenizer(other).fingerprint).not.toBe(byteTokenizer.fingerprint)
})

test("a folder is written, read back, and its faults named", async () => {
  const folder = await mkdtemp(join(tmpdir(), "winnow-tokenizer-"))
  try {
    const missing = await Effect.runPromise(Effect.flip(loadTokenizer(folder)))
    expect(missing._tag).toBe("DataError")
    expect(missing.message).toContain(`no tokenizer.json in ${folder}`)
    for (const [name, text] of Object.entries(tokenizerFiles(byteTokenizer))) await writeFile(join(folder, name), text)
    const read = await Effect.runPromise(loadTokenizer(folder))
    expect([read.fingerprint, read.eos]).toEqual([byteTokenizer.fingerprint, "<|endoftext|>"])
    await writeFile(join(folder, "tokenizer.json"), "{")
    expect((await Effect.runPromise(Effect.flip(loadTokenizer(folder)))).message).toContain("could not be read")
    await writeFile(join(folder, "tokenizer.json"), "[]")
    expect((await Effect.runPromise(Effect.flip(loadTokenizer(folder))))._tag).toBe("InvalidInput")
  } finally {
    await rm(folder, { recursive: true })
  }
})

test("a file of any name, with or without a named end; a file that is not regular UTF-8 is refused", async () => {
  const folder = await mkdtemp(join(tmpdir(), "winnow-tokenizer-"))
  const flipped = (path: string, options?: { eos?: string }) =>
    Effect.runPromise(Effect.flip(loadTokenizer(path, options))).then(({ message }) => message)
  try {
    const file = join(folder, "my vocabulary.v2.json")
    await writeFile(file, tokenizerFiles(byteTokenizer)["tokenizer.json"]!)
    expect((await Effect.runPromise(loadTokenizer(file))).fingerprint).toBe(byteTokenizer.fingerprint)
    expect((await Effect.runPromise(loadTokenizer(file, { eos: "a" }))).eosId).toBe(0x61)
    expect(await flipped(join(folder, "another.json"))).toContain("there is no file")
    expect(await flipped(file, { eos: "<end>" })).toBe(
      `${file}: found no end-of-sequence token: "<end>" is not in it; its added tokens: <|endoftext|>; name one with eos`,
    )
    // Without a usual end there is a codec, but no tokenizer.
    const endless = JSON.stringify(json).replaceAll("<|endoftext|>", "<stop>")
    await writeFile(file, endless)
    expect(await flipped(file)).toContain("none of <|endoftext|>")
    const codec = await Effect.runPromise(loadCodec(file))
    expect([codec.end, codec.idOf("<stop>"), codec.notes]).toEqual([undefined, 256, []])
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify({ eos_token: "<gone>" }))
    const gone = await Effect.runPromise(loadCodec(file))
    expect(gone.notes).toEqual([expect.stringContaining('no end-of-sequence token: "<gone>" is not in it')])
    // The config beside the file counts for any name of the file.
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify({ eos_token: "<stop>" }))
    expect((await Effect.runPromise(loadTokenizer(file))).eos).toBe("<stop>")
    await writeFile(join(folder, "tokenizer_config.json"), Buffer.from([0x7b, 0xff]))
    expect(await flipped(file)).toContain("byte 0xff at offset 1 is not UTF-8")
    expect(await flipped("/dev/zero")).toContain("this is a device, expected a regular file")
    Bun.spawnSync(["mkfifo", join(folder, "pipe")])
    expect(await flipped(join(folder, "pipe"))).toContain("this is a named pipe")
  } finally {
    await rm(folder, { recursive: true })
  }
})
