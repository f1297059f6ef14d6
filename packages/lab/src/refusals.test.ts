import { expect, test } from "bun:test"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { byteTokenizer, datasetsLayer, makeTokenizer, type Tokenizer, tokenizerFiles } from "@winnow/data"
import { initialise, saveModel } from "@winnow/models"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { tiny, tinyModel } from "../test/tiny.ts"
import { plan } from "./estimate.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { contextProblems } from "./preflight/contexts.ts"
import { Progress, type ProgressEvent } from "./progress.ts"
import { Store } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-refusals-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const resolved = (...settings: ReadonlyArray<string>) =>
  Effect.flatMap(applySettings(tiny, settings), (e) => resolve(e))
const run = (...settings: ReadonlyArray<string>) =>
  Effect.flatMap(resolved(...settings), (r) =>
    runDistillation(r, { slug: "000-tiny", results: join(home, "results") }),
  ).pipe(Effect.provide(layers))

/** A folder with a model that nobody trained, and a tokenizer. */
const savedTarget = async (tokenizer: Tokenizer, extra: Record<string, unknown> = {}): Promise<string> => {
  const folder = mkdtempSync(join(home, "target-"))
  const model = initialise(await Effect.runPromise(tinyModel(16).instance), 0)
  await Effect.runPromise(saveModel(model, folder, extra))
  model.dispose()
  for (const [name, text] of Object.entries(tokenizerFiles(tokenizer))) writeFileSync(join(folder, name), text)
  return folder
}
const target = (path: string) => `target=folder:${path}`

test("a target that was saved with another tokenizer is refused before anything is trained", async () => {
  // The same size and the same bytes, but another text for the end.
  const other = makeTokenizer(JSON.parse(JSON.stringify(byteTokenizer.json).replaceAll("<|endoftext|>", "</s>")))
  expect(other.vocabularySize).toBe(byteTokenizer.vocabularySize)
  const error = await Effect.runPromise(Effect.flip(run(target(await savedTarget(other)))))
  expect(error.message).toContain(
    'target was saved with another vocabulary: id 256 is "</s>" in its tokenizer.json and "<|endoftext|>" in the data\'s',
  )
  const store = await Effect.runPromise(Effect.provide(Store, layers))
  expect(store.manifests("start")).toEqual([])
})

/** A run with what it notes on its way. */
const noted = async (...settings: ReadonlyArray<string>) => {
  const notes: Array<string> = []
  const report = (event: ProgressEvent) => void (event._tag === "note" && notes.push(event.text))
  const listening = Layer.mergeAll(layers, Layer.succeed(Progress, { report }))
  const { record } = await Effect.runPromise(
    Effect.flatMap(resolved(...settings), (r) =>
      runDistillation(r, { slug: "000-tiny", results: join(home, "results") }),
    ).pipe(Effect.provide(listening)),
  )
  return { record, notes }
}

test("a target that was saved with the run's own tokenizer runs; one note lists the ignored keys of its folder", async () => {
  const folder = await savedTarget(byteTokenizer, { my_key: 1 })
  const { record, notes } = await noted(target(folder), "seeds=[1]", "arms.all.steps=2", "arms.behind.steps=2")
  expect(record.rows.map(({ name }) => name)).toContain("behind")
  expect(notes.filter((note) => note.includes('"my_key": not a setting of llama that is known here'))).toHaveLength(1)
})

test("vocabularies that cannot go together are refused when a run is planned, before any work", async () => {
  const refused = async (...settings: ReadonlyArray<string>) => {
    const error = await Effect.runPromise(
      Effect.flip(Effect.flatMap(resolved(...settings), plan)).pipe(Effect.provide(layers)),
    )
    expect(error._tag).toBe("InvalidInput")
    return error.message
  }
  const both = (rows: number) => [`target.model.vocab_size=${rows}`, `draft.start.model.vocab_size=${rows}`]
  const bpe = (vocabulary: number) => `tokenizer={"kind":"bpe","vocabulary":${vocabulary}}`
  expect(await refused("target.model.vocab_size=700")).toContain(
    "experiment tiny: vocabularies differ: draft 257; target 700; expected one size",
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

test("a draft with a shorter context than the target's texts gives a note, and the run continues", async () => {
  const settings = [
    "draft.start.model.max_position_embeddings=16",
    "measure.maxNew=16",
    "seeds=[1]",
    "target.pretraining.steps=6",
  ]
  const { record, notes } = await noted(...settings)
  expect(record.rows.length).toBeGreaterThan(0)
  expect(
    notes.filter((note) => note.includes("the context of the draft is 16: near its end it proposes less")),
  ).toHaveLength(1)
})

test("prompts that leave the target no room are refused; less room than maxNew is noted", async () => {
  const architectures = async (target: number, draft: number) => {
    const of = async (length: number) => ({ ...(await Effect.runPromise(tinyModel(16).instance)), maxLength: length })
    return { target: await of(target), draft: await of(draft) }
  }
  const measure = { maxNew: 15, split: "test" } as Parameters<typeof contextProblems>[0]
  const said = async (longest: number, target: number, draft: number) =>
    contextProblems(measure, longest, await architectures(target, draft))
  expect(await said(2, 17, 16)).toEqual({ problems: [], notes: [] })
  expect(await said(2, 17, 15)).toEqual({
    problems: [],
    notes: [
      "the longest prompt of the test split has 2 tokens, with measure.maxNew 15 that is 17; the context of the draft is 15: near its end it proposes less and beyond it nothing, and acceptance and KL are of the tokens that it can read",
    ],
  })
  expect((await said(2, 16, 16)).notes).toEqual([
    "the longest prompt of the test split has 2 tokens, with measure.maxNew 15 that is 17; the target's context is 16: after such a prompt it writes 14 at most",
  ])
  expect((await said(16, 16, 32)).problems).toEqual([
    "the longest prompt of the test split has 16 tokens, the target's context is 16, which leaves no room for a text: measure on shorter prompts, or give the target a longer context",
  ])
})
