/** Folders in bfloat16 in an experiment: every figure is that of the same numbers in float32. */
import { afterAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { byteTokenizer, datasetsLayer, tokenizerFiles } from "@winnow/data"
import { llama } from "@winnow/model-llama"
import { copyModelFolder, initialise, loadDecoder, NativeParameters, saveModel } from "@winnow/models"
import { native, nativeDecodingInUse, openEngine } from "@winnow/tensor"
import { Effect, Layer } from "effect"
import { tiny } from "../test/tiny.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { Progress } from "./progress.ts"
import { runExperiment } from "./run.ts"
import { Store } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-half-folders-"))
afterAll(() => rmSync(home, { recursive: true }))
const run = Effect.runPromise

/** Saves a model in bfloat16, and the same numbers in float32; gives both folders. */
const saved = async (seed: number): Promise<readonly [half: string, whole: string]> => {
  const [first, half, whole] = ["first", "half", "whole"].map((name) => join(home, `${name}-${seed}`)) as [
    string,
    string,
    string,
  ]
  const size = { hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 64 }
  const model = initialise(await run(llama({ vocab_size: 257, ...size }).instance), seed)
  await run(saveModel(model, first))
  model.dispose()
  mkdirSync(half)
  await run(copyModelFolder(first, half, { dtype: "bfloat16", config: {} }))
  const rounded = await run(loadDecoder(half, [llama]))
  expect(rounded.parameters instanceof NativeParameters).toBe(native() !== undefined)
  await run(saveModel(rounded, whole))
  rounded.dispose()
  for (const [name, text] of Object.entries(tokenizerFiles(byteTokenizer)))
    for (const folder of [half, whole]) writeFileSync(join(folder, name), text)
  return [half, whole]
}

test("a target, a start and a reference in bfloat16 give the figures of float32, and nothing stays", async () => {
  await openEngine()
  const [target, draft] = [await saved(1), await saved(2)]
  const before = nativeDecodingInUse().count
  const figures = async (kind: 0 | 1) => {
    const layers = Layer.mergeAll(
      Store.layer(join(home, `store-${kind}`)),
      datasetsLayer({ folder: undefined }),
      Progress.silent,
    )
    const settings = ["seeds=[1]", "arms.all.steps=3", "arms.behind.steps=3", `target=${target[kind]}`]
    const starts = [`draft.start=${draft[kind]}`, `reference=${draft[kind]}`]
    const experiment = Effect.flatMap(applySettings(tiny, [...settings, ...starts]), (e) => resolve(e))
    const { record } = await run(
      Effect.flatMap(experiment, (r) => runExperiment(r, { slug: "000-tiny", results: join(home, `r${kind}`) })).pipe(
        Effect.provide(layers),
      ),
    )
    return record!.rows.map(({ name, seeds, greedyAcceptance, expectedAcceptance }) => ({
      ...{ name, greedyAcceptance, expectedAcceptance },
      bySeed: seeds.map((seed) => seed.greedyAcceptance),
    }))
  }
  const half = await figures(0)
  expect(half.length).toBeGreaterThan(2)
  expect(half).toEqual(await figures(1))
  await Bun.sleep(10)
  expect(nativeDecodingInUse().count).toBe(before)
})
