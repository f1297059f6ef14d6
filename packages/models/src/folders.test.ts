/** Folders in all their spellings have the logits of `transformers`: fixtures/make_folders.py. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import folders from "../fixtures/folders.json"
import { loadDecoder } from "./families.fixture.ts"
import { saveModel } from "./files.ts"
import { logitsOf } from "./model.ts"
import { writeSafetensors } from "./safetensors.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-folders-"))
afterAll(() => rmSync(root, { recursive: true }))

/** The weights of fixtures/make_golden.py. */
const formula = (name: string, n: number): Float32Array => {
  const phase = [...name].reduce((sum, c) => sum + c.charCodeAt(0), 0)
  const base = name.includes("norm") && name.endsWith("weight") ? 1 : 0
  return Float32Array.from({ length: n }, (_, i) => base + 0.3 * Math.sin(0.37 * phase + 1.3 * i))
}

/** The folder of a case; `rename` changes the names of its tensors. */
const folderOf = (
  at: string,
  { config, tensors }: { readonly config: object; readonly tensors: number },
  rename = (name: string) => name,
): string => {
  const dir = join(root, at.replaceAll(/\W+/g, "-"))
  const listed = Object.entries(folders.tensors[tensors] as Record<string, ReadonlyArray<string | number>>)
  writeSafetensors(
    join(dir, "model.safetensors"),
    listed.map(([name, of]) => {
      const shape = of.filter((x) => typeof x === "number")
      const weights = typeof of[0] === "string" ? of[0] : name
      return {
        name: rename(name),
        shape,
        data: formula(
          weights,
          shape.reduce((a, b) => a * b, 1),
        ),
      }
    }),
  )
  writeFileSync(join(dir, "config.json"), JSON.stringify(config))
  return dir
}

/** Logits of every third position, in the order of the fixture; and the model's notes. */
const found = async (dir: string) => {
  const model = await Effect.runPromise(loadDecoder(dir))
  const ids = tf.tensor2d(folders.ids, undefined, "int32")
  const [values, V] = [logitsOf(model, ids).dataSync(), model.architecture.vocabularySize]
  const { notes = [] } = model.architecture
  const decoding = model.decoding()
  const cached_BTd = decoding.extend(ids)
  const apart = tf.tidy(() => tf.max(tf.abs(tf.sub(cached_BTd, model.hidden(ids)))).dataSync()[0]!)
  decoding.dispose()
  const again = join(dir, "again")
  await Effect.runPromise(saveModel(model, again))
  tf.dispose([ids, cached_BTd])
  model.dispose()
  return { logits: values.filter((_, i) => Math.floor(i / V) % 3 === 0), notes, apart, again }
}

const largestDifference = (a: ArrayLike<number>, b: ReadonlyArray<number>) =>
  a.length === b.length ? b.reduce((worst, x, i) => Math.max(worst, Math.abs(x - a[i]!)), 0) : Number.NaN

/** By case, without the folder's name. */
const noted: Record<string, ReadonlyArray<string>> = {}

for (const [name, given] of Object.entries(folders.cases))
  test(`${name}: the logits of transformers, decoding and a saved copy alike`, async () => {
    const { logits, apart, again, notes } = await found(folderOf(name, given))
    if (notes.length > 0) noted[name] = notes.map((note) => note.replace(/^.*?: /, ""))
    expect(largestDifference(logits, given.logits)).toBeLessThan(1e-4)
    expect(apart).toBeLessThan(1e-4)
    expect(largestDifference((await found(again)).logits, given.logits)).toBeLessThan(1e-4)
  })

const wrapped: Record<string, readonly [keyof typeof folders.cases, (name: string) => string]> = {
  "torch.compile": ["llama", (name) => `_orig_mod.${name}`],
  "DataParallel around torch.compile": ["gpt_neox", (name) => `module._orig_mod.${name}`],
  "layers compiled one by one": ["llama", (name) => name.replace(/(layers\.\d+)/, "$1._orig_mod")],
  "FSDP with checkpoints": [
    "llama",
    (name) => name.replace(/(layers\.\d+)/, "$1._fsdp_wrapped_module._checkpoint_wrapped_module"),
  ],
  "the language part of something": ["llama", (name) => `language_model.${name}`],
  "a base model's file with a head": ["gpt_neox", (name) => name.replace("gpt_neox.", "")],
}
for (const [name, [of, rename]] of Object.entries(wrapped))
  test(`names wrapped by ${name} mean the same parameters`, async () => {
    const { logits, notes } = await found(folderOf(`wrapped ${name}`, folders.cases[of], rename))
    expect(largestDifference(logits, folders.cases[of].logits)).toBeLessThan(1e-4)
    expect(notes).toEqual([])
  })

test("keys that transformers ignores or contradicts are noted once", () => {
  expect(noted).toMatchSnapshot()
})
