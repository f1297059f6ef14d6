/** A tokenizer from a file of any name, its end by name, and texts that spell a special token, as stages. */
import { expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Example } from "@winnow/core"
import { byteTokenizer, datasetsLayer, preflight, tokenizerFiles } from "@winnow/data"
import { Effect } from "effect"
import type { Tokenizing } from "../experiment/resolved.ts"
import { bpe, tokenizerFile } from "../experiment/spec.ts"
import type { Stage } from "../stage.ts"
import type { Artifact } from "../store/store.ts"
import type { Text } from "../texts.ts"
import { dataStage, openTokenizer, readSplit, tokenizerStage } from "./text.ts"

const examples: ReadonlyArray<Example> = [
  { prompt: "say <stop>", answer: "so<stop>" },
  { prompt: "1+1=", answer: "2" },
]
const text = (of: ReadonlyArray<Example> = examples): Text => ({
  hashes: { train: "a", validation: "b", test: "c" },
  examples: () => Effect.succeed(of),
})
const folder = mkdtempSync(join(tmpdir(), "winnow-text-"))
const file = join(folder, "my vocabulary.v2.json")
writeFileSync(file, JSON.stringify(byteTokenizer.json).replaceAll("<|endoftext|>", "<stop>"))

/** Runs a stage into a new folder. */
const made = async (of: Stage, ...inputs: ReadonlyArray<Artifact>): Promise<Artifact> => {
  const directory = mkdtempSync(join(folder, `${of.kind}-`))
  const quiet = { progress: () => {}, note: () => {}, warn: () => {}, metric: () => {} }
  const run = of.run({ key: of.key, directory, inputs, ...quiet })
  const summary = await Effect.runPromise(Effect.provide(run, datasetsLayer({ folder: undefined })))
  return { key: of.key, directory, manifest: { summary } as Artifact["manifest"], reused: false }
}
const tokenizerOf = (spec: unknown, of = text()) => Effect.runPromise(tokenizerStage(of, spec as Tokenizing))

test("a file of any name, its end by name; an end is part of the key", async () => {
  const stage = await tokenizerOf(tokenizerFile(file, { eos: "<stop>" }))
  const opened = await Effect.runPromise(openTokenizer(await made(stage)))
  expect([opened.eos, opened.eosId]).toEqual(["<stop>", 256])
  expect((await tokenizerOf(tokenizerFile(file, { eos: "a" }))).key).not.toBe(stage.key)
  const endless = await tokenizerOf(tokenizerFile(file))
  await expect(made(endless)).rejects.toThrow("found no end-of-sequence token")
})

test("text that spells a special token is text, or the token where the experiment asks for it; preflight says which", async () => {
  const stage = await tokenizerOf(tokenizerFile(file, { eos: "<stop>" }))
  const tokenizer = await made(stage)
  const opened = await Effect.runPromise(openTokenizer(tokenizer))
  const keys = new Set<string>()
  for (const specialTokens of ["text", "ids"] as const) {
    const data = dataStage("data", text(), stage, { maxLength: 64, specialTokens })
    keys.add(data.key)
    const encoded = await Effect.runPromise(readSplit(await made(data, tokenizer), "train"))
    expect(encoded).toMatchObject({ specialTokens, spelled: [{ token: "<stop>", examples: 1 }] })
    expect(encoded.examples[0]!.ids.filter((id) => id === 256).length).toBe(specialTokens === "text" ? 1 : 3)
    const { warnings } = await Effect.runPromise(preflight({ encoded, tokenizer: opened, models: [] }))
    expect(warnings[0]).toStartWith("1 of 2 examples spell the special token <stop>; it is encoded as ")
    expect(warnings.length).toBe(specialTokens === "text" ? 1 : 2)
  }
  expect(keys.size).toBe(2)
})

test("ids are computed once for a data set, a tokenizer and a greatest length, whatever the experiment", async () => {
  const [stage, other] = [
    await tokenizerOf(tokenizerFile(file, { eos: "<stop>" })),
    await tokenizerOf({ kind: "byte" }),
  ]
  const key = (of: Partial<Text["hashes"]> = {}, tokenizer = stage, maxLength = 64, label = "data") =>
    dataStage(label, { ...text(), hashes: { ...text().hashes, ...of } }, tokenizer, { maxLength }).key
  expect(key({}, stage, 64, "data of another experiment")).toBe(key())
  expect(new Set([key(), key({ train: "d" }), key({ test: "d" }), key({}, other), key({}, stage, 65)]).size).toBe(5)
})

test("text that no tokenizer can be trained on is reported as the task's fault", async () => {
  const stage = await tokenizerOf(bpe({ vocabulary: 300 }), text([{ prompt: "", answer: "" }]))
  await expect(made(stage)).rejects.toThrow("BPE training: the texts are empty")
})

test("the files of tokenizerFiles read back unchanged", async () => {
  const stage = await tokenizerOf(bpe({ vocabulary: 300 }))
  const artifact = await made(stage)
  const opened = await Effect.runPromise(openTokenizer(artifact))
  expect(opened.fingerprint).toBe(artifact.manifest.summary["fingerprint"] as string)
  expect(Object.keys(tokenizerFiles(opened))).toEqual(["tokenizer.json", "tokenizer_config.json"])
  rmSync(folder, { recursive: true })
})
