/** Folders of which only the first rows of the vocabulary are read: the same logits, in every family that decodes. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DataError } from "@winnow/core"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { architectureFromConfig, families } from "./families.fixture.ts"
import { loadDecoder, saveModel } from "./files.ts"
import { initialise } from "./initialise.ts"
import { logitsOf } from "./model.ts"
import { openSafetensors } from "./safetensors.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-fewer-rows-"))
afterAll(() => rmSync(root, { recursive: true }))

const [V, rows] = [70, 61]
const sizes = {
  vocab_size: V,
  hidden_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  intermediate_size: 24,
}
const gptSizes = { vocab_size: V, n_embd: 16, n_layer: 1, n_head: 4, n_positions: 32, rotary_dim: 4 }

/** A tiny config.json of a family; GPT-2 and CodeGen have names of their own for the sizes. */
const configOf = (model_type: string) => ({
  model_type,
  ...(model_type === "gpt2" || model_type === "codegen" ? gptSizes : { ...sizes, max_position_embeddings: 32 }),
})

/** Families whose head has a bias, and so is never the embedding. */
const headsWithBias: ReadonlyArray<string> = ["codegen", "phi"]

/** Families that write text; an encoder is not read as a decoder. */
const decoders = families.filter(
  ({ plugin }) => architectureFromConfig({ ...configOf(plugin), tie_word_embeddings: false }).attends === "before",
)

for (const family of decoders)
  for (const tied of headsWithBias.includes(family.plugin) ? [false] : [false, true])
    test(`${family.plugin}, ${tied ? "tied head" : "head of its own"}: logits of the first rows, and nothing left in memory`, async () => {
      const folder = join(root, `${family.plugin}-${tied}`)
      const model = initialise(architectureFromConfig({ ...configOf(family.plugin), tie_word_embeddings: tied }), 1)
      // also what begins as zeros, such as the bias of a head
      for (const [name, value] of model.parameters)
        tf.tidy(() => value.assign(tf.add(value, tf.tensor(normals(value.size, 0.3, seeded(1, name)), value.shape))))
      await Effect.runPromise(saveModel(model, folder))
      model.dispose()
      const before = tf.memory().numTensors
      const whole = await Effect.runPromise(loadDecoder(folder, families))
      const read = await Effect.runPromise(loadDecoder(folder, families, { rows }))
      expect([whole.architecture.vocabularySize, read.architecture.vocabularySize]).toEqual([V, rows])
      expect(read.head_Vd.shape[0]).toBe(rows)
      tf.tidy(() => {
        const ids = tf.tensor2d([[1, 60, 5]], undefined, "int32")
        const first = logitsOf(whole, ids).slice([0, 0, 0], [1, 3, rows]).dataSync()
        for (const [i, x] of logitsOf(read, ids).dataSync().entries())
          expect(Math.abs(x - first[i]!)).toBeLessThan(1e-5)
      })
      const more = await Effect.runPromise(loadDecoder(folder, families, { rows: V + 1 }))
      expect(more.architecture.vocabularySize).toBe(V)
      for (const each of [whole, read, more]) each.dispose()
      expect(tf.memory().numTensors).toBe(before)
    })

test("more rows than a tensor has are refused", () => {
  const file = openSafetensors(join(root, "llama-false", "model.safetensors"))
  const name = "model.embed_tokens.weight"
  file.keepRows(name, 2)
  expect(file.tensors.get(name)!.shape).toEqual([2, 16])
  expect(file.read(name).length).toBe(32)
  expect(() => file.keepRows(name, 3)).toThrow(DataError)
  file.close()
})
