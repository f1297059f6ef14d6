import { expect, test } from "bun:test"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { byteTokenizer, datasetsLayer, makeTokenizer, type Tokenizer, tokenizerFiles } from "@winnow/data"
import { initialise, saveModel } from "@winnow/models"
import { Effect, Layer } from "effect"
import { tiny, tinyModel } from "../test/tiny.ts"
import { plan } from "./estimate.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { Progress } from "./progress.ts"
import { runExperiment } from "./run.ts"
import { Store } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-refusals-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const resolved = (...settings: ReadonlyArray<string>) =>
  Effect.flatMap(applySettings(tiny, settings), (e) => resolve(e))
const run = (...settings: ReadonlyArray<string>) =>
  Effect.flatMap(resolved(...settings), (r) =>
    runExperiment(r, { slug: "000-tiny", results: join(home, "results") }),
  ).pipe(Effect.provide(layers))

/** A folder with a model that nobody trained, and a tokenizer. */
const savedTarget = async (tokenizer: Tokenizer): Promise<string> => {
  const folder = mkdtempSync(join(home, "target-"))
  const model = initialise(await Effect.runPromise(tinyModel(16).instance), 0)
  await Effect.runPromise(saveModel(model, folder))
  model.dispose()
  for (const [name, text] of Object.entries(tokenizerFiles(tokenizer))) writeFileSync(join(folder, name), text)
  return folder
}
const target = (path: string) => `target=${JSON.stringify({ kind: "pretrained", path })}`

test("a target that was saved with another tokenizer is refused before anything is trained", async () => {
  // The same size and the same bytes, but another text for the end.
  const other = makeTokenizer(JSON.parse(JSON.stringify(byteTokenizer.json).replaceAll("<|endoftext|>", "</s>")))
  expect(other.vocabularySize).toBe(byteTokenizer.vocabularySize)
  const error = await Effect.runPromise(Effect.flip(run(target(await savedTarget(other)))))
  expect(error.message).toContain(
    `target was saved with tokenizer ${other.fingerprint.slice(0, 12)}, the data is encoded with ` +
      `${byteTokenizer.fingerprint.slice(0, 12)}; use the tokenizer of its folder`,
  )
  const store = await Effect.runPromise(Effect.provide(Store, layers))
  expect(store.manifests("start")).toEqual([])
})

test("a target that was saved with the run's own tokenizer runs", async () => {
  const { record } = await Effect.runPromise(
    run(target(await savedTarget(byteTokenizer)), "seeds=[1]", "arms.all.steps=2", "arms.behind.steps=2"),
  )
  expect(record.rows.map(({ name }) => name)).toContain("behind")
}, 60_000)

test("vocabularies that cannot go together are refused when a run is planned, before any work", async () => {
  const refused = async (...settings: ReadonlyArray<string>) => {
    const error = await Effect.runPromise(
      Effect.flip(Effect.flatMap(resolved(...settings), plan)).pipe(Effect.provide(layers)),
    )
    expect(error._tag).toBe("InvalidInput")
    return error.message
  }
  const both = (rows: number) => [`target.model.vocab_size=${rows}`, `draft.model.vocab_size=${rows}`]
  const bpe = (vocabulary: number) => `tokenizer={"kind":"bpe","vocabulary":${vocabulary}}`
  expect(await refused("target.model.vocab_size=700")).toContain(
    "experiment tiny: vocabularies differ: draft 257, target 700; expected one size",
  )
  expect(await refused(...both(200))).toContain(
    "draft has a vocabulary of 200, the tokenizer 257; expected at least 257",
  )
  expect(await refused(...both(700))).toContain("expected 257, or that rounded up to a multiple of 64")
  expect(await refused(bpe(300))).toContain("target has a vocabulary of 257, the tokenizer 300; expected at least 300")
  // Rows that round the number up are no mistake, and of a tokenizer in a file nothing is known yet.
  const folder = await savedTarget(byteTokenizer)
  const file = `tokenizer=${JSON.stringify({ kind: "file", path: folder })}`
  for (const settings of [both(320), [bpe(300), ...both(320)], [file, ...both(700)]]) {
    const { stages } = await Effect.runPromise(Effect.flatMap(resolved(...settings), plan).pipe(Effect.provide(layers)))
    expect(stages.length).toBeGreaterThan(0)
  }
})

test("prompts with maxNew tokens that do not fit into a model's context are refused before anything is trained", async () => {
  const store = await Effect.runPromise(Effect.provide(Store, layers))
  const before = ["target", "start"].map((kind) => store.manifests(kind).length)
  const refused = async (...settings: ReadonlyArray<string>) =>
    (await Effect.runPromise(Effect.flip(run(...settings)))).message
  const narrow = "draft.model.max_position_embeddings=16"
  const ofDraft = await refused(narrow, "measure.maxNew=15")
  expect(ofDraft).toContain(
    "has 2 tokens, with measure.maxNew 15 that is 17; the draft's context is 16: set measure.maxNew to 14 or less",
  )
  expect(ofDraft).not.toContain("the target's context")
  const ofBoth = await refused("measure.maxNew=31")
  expect(ofBoth).toContain("the target's context is 32: set measure.maxNew to 30 or less")
  expect(ofBoth).toContain("the draft's context is 32")
  expect(["target", "start"].map((kind) => store.manifests(kind).length)).toEqual(before)
  const { record } = await Effect.runPromise(run(narrow, "measure.maxNew=14", "seeds=[1]"))
  expect(record.rows.length).toBeGreaterThan(0)
}, 60_000)
