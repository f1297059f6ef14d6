/** A family that lies outside of the house: its models are trained, read again and told by its files. */
import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import type { Architecture, ModelUse } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { type FamilyPlugin, initialise, saveModel } from "@winnow/models"
import type { Type } from "arktype"
import { Effect, Layer } from "effect"
import { graphOf } from "../test/graph.ts"
import { tiny } from "../test/tiny.ts"
import type { Experiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { folder as folderOf, fresh } from "./experiment/start.ts"
import { Families, houseFamilies } from "./families.ts"
import { Progress } from "./progress.ts"
import { runStages } from "./schedule/run-all.ts"
import { houseRoot } from "./store/code/house.ts"
import { Store } from "./store/store.ts"

const gpt2 = readFileSync(join(houseRoot, "plugins/model-gpt2/src/index.ts"), "utf8")

/** GPT-2 under another name, in a folder of its own. */
const familyWith = async (change: (source: string) => string): Promise<FamilyPlugin<Type>> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-family-"))
  symlinkSync(join(houseRoot, "node_modules"), join(folder, "node_modules"))
  writeFileSync(
    join(folder, "mine.ts"),
    change(gpt2.replaceAll('"gpt2"', '"mine"').replace("const gpt2 =", "const mine =")),
  )
  return (await import(pathToFileURL(join(folder, "mine.ts")).href)).mine
}

const useOf = (family: FamilyPlugin<Type>, n_embd: number): ModelUse =>
  family.use({ vocab_size: 257, n_embd, n_layer: 1, n_head: 2, n_positions: 32 })

/** A folder of a model of this family. */
const savedBy = async (family: FamilyPlugin<Type>): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-mine-"))
  const model = initialise(await architectureOf(useOf(family, 16)), 1)
  await Effect.runPromise(saveModel(model, folder))
  model.dispose()
  return folder
}

const layers = Layer.mergeAll(
  Store.layer(mkdtempSync(join(tmpdir(), "winnow-families-"))),
  datasetsLayer({ folder: undefined }),
  Progress.silent,
)

const architectureOf = (use: ModelUse): Promise<Architecture> => Effect.runPromise(use.instance)

test("the house's families are the folders plugins/model-*", async () => {
  const names = (await Effect.runPromise(houseFamilies)).map(({ plugin }) => plugin)
  expect(names.toSorted()).toEqual([
    "codegen",
    "gemma2",
    "gemma3_text",
    "gpt2",
    "gpt_neox",
    "llama",
    "mistral",
    "modernbert",
    "modernbert-decoder",
    "phi",
    "phi3",
    "qwen2",
    "qwen3",
  ])
})

test("a draft and a target's folder of a family from outside are read by it, and both keys hold its file", async () => {
  const mine = await familyWith((source) => source)
  const folder = await savedBy(mine)
  const resolved = (family: FamilyPlugin<Type>) =>
    Effect.runPromise(
      resolve({
        ...tiny,
        target: folderOf(folder),
        draft: { start: fresh(useOf(family, 8)) },
        seeds: [1],
      } as Experiment),
    )

  const first = await resolved(mine)
  const { measured, target } = await Effect.runPromise(graphOf(first))
  const { trained: arm } = measured.find(({ name }) => name === "all")!
  const artifacts = await Effect.runPromise(
    runStages([arm]).pipe(Effect.provideService(Families, first.families), Effect.provide(layers)),
  )
  expect(JSON.parse(readFileSync(join(artifacts.get(arm.key)!.directory, "config.json"), "utf8")).model_type).toBe(
    "mine",
  )

  const again = await Effect.runPromise(
    graphOf(await resolved(await familyWith((source) => `// a comment\n${source}`))),
  )
  expect(again.target.key).toBe(target.key)
  const other = await familyWith((source) => source.replace("plain / (l + 1)", "plain / (l + 2)"))
  const changed = await Effect.runPromise(graphOf(await resolved(other)))
  expect(changed.target.key).not.toBe(target.key)
  expect(changed.measured[0]!.trained.key).not.toBe(measured[0]!.trained.key)

  const alone = { ...tiny, target: folderOf(folder), seeds: [1] } as Experiment
  const unknown = Effect.flatMap(resolve(alone), (r) => graphOf(r))
  expect((await Effect.runPromise(Effect.flip(unknown))).message).toContain(
    'model_type "mine" is not known here; there are',
  )
  const named = Effect.flatMap(resolve({ ...alone, plugins: [mine] } as Experiment), (r) => graphOf(r))
  expect((await Effect.runPromise(named)).target.key).toBe(target.key)
})

test("a folder that holds an encoder is refused where acceptance is measured, before any work", async () => {
  const mine = await familyWith((source) =>
    source.replace("  describe,", '  describe: (o) => ({ ...describe(o), attends: "both" }),'),
  )
  const folder = await savedBy(mine)
  for (const [name, change] of [
    ["target", { target: folderOf(folder) }],
    ["draft", { draft: { start: folderOf(folder) } }],
  ] as const) {
    const refused = Effect.flatMap(resolve({ ...tiny, seeds: [1], plugins: [mine], ...change } as Experiment), (r) =>
      graphOf(r),
    )
    expect((await Effect.runPromise(Effect.flip(refused))).message).toContain(
      `${name}: mine attends both ways, so nothing can be decoded with it; take a decoder, such as llama`,
    )
  }
})
