import { expect, test } from "bun:test"
import { cpSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { llama } from "@winnow/model-llama"
import { initialise, loadModel, saveModel, savePrivate, withPrivate } from "@winnow/models"
import { Effect, Layer } from "effect"
import { Progress } from "../progress.ts"
import { runStages } from "../schedule/run-all.ts"
import { Store } from "../store/store.ts"
import { filesOfFolder, folderArchitecture, folderStage, modelDirectory } from "./folder.ts"
import { openModel } from "./models.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-pretrained-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)

/** Saves a model with random weights from `seed`; returns one of its weights. */
const save = async (folder: string, seed: number) => {
  const options = { vocab_size: 8, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 }
  const architecture = await Effect.runPromise(llama({ ...options, max_position_embeddings: 8 }).instance)
  const model = initialise(architecture, seed)
  await Effect.runPromise(saveModel(model, folder))
  const [weight] = model.head_Vd.dataSync()
  model.dispose()
  return weight!
}

const artifactOf = (folder: string) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const target = yield* folderStage({
        kind: "target",
        name: "target",
        path: folder,
        architecture: yield* folderArchitecture("target", folder),
      })
      return (yield* runStages([target])).get(target.key)!
    }).pipe(Effect.provide(layers)),
  )

test("the target is read from today's folder, wherever the same files were when the artifact was made", async () => {
  const [a, b] = [join(home, "a"), join(home, "b")]
  const first = await save(a, 1)
  const inA = await artifactOf(a)
  expect(inA.reused).toBe(false)
  cpSync(a, b, { recursive: true })
  const second = await save(a, 2)
  expect(second).not.toBe(first)

  const inB = await artifactOf(b)
  expect(inB.key).toBe(inA.key)
  expect(inB.reused).toBe(true)
  expect(await Effect.runPromise(modelDirectory(inB))).toBe(b)
  const read = Effect.map(openModel(inB), ({ head_Vd }) => head_Vd.dataSync()[0]!)
  expect(await Effect.runPromise(Effect.scoped(read))).toBe(first)

  const changed = await Effect.runPromise(Effect.flip(modelDirectory(inA)))
  expect(changed.message).toContain("has changed since this run began")
  rmSync(a, { recursive: true })
  expect((await Effect.runPromise(Effect.flip(modelDirectory(inA)))).message).toContain("there is no such file")
})

test("a private folder is a model whose key and whose check cover the shared part", async () => {
  const shared = join(home, "shared")
  const own = join(shared, "private", "law")
  await save(shared, 1)
  const model = await Effect.runPromise(loadModel(shared, [llama]))
  const part = withPrivate(model, { size: 2, gate: "joint" }, 1)
  await Effect.runPromise(savePrivate(part, own, shared))
  part.release()
  model.dispose()
  const artifact = await artifactOf(own)
  expect(Object.keys(filesOfFolder(artifact.manifest)).toSorted()).toEqual([
    "../../model.safetensors",
    "config.json",
    "private.safetensors",
  ])
  const read = Effect.map(openModel(artifact), ({ parameters }) => parameters.size)
  expect(await Effect.runPromise(Effect.scoped(read))).toBe(12 + 5)
  await save(shared, 2)
  const changed = await Effect.runPromise(Effect.flip(modelDirectory(artifact)))
  expect(changed.message).toContain("model.safetensors has changed since this run began")
})
