import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Decoder, ModelUse } from "@winnow/core"
import { gptNeox } from "@winnow/model-gpt-neox"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { qwen2 } from "@winnow/model-qwen2"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { initialise, logitsOf, modelOfLayers, saveModel } from "./index.ts"

const size = { vocab_size: 32, hidden_size: 16, num_attention_heads: 2, max_position_embeddings: 16 }
const families: ReadonlyArray<readonly [string, ModelUse]> = [
  ["llama", llama({ ...size, num_hidden_layers: 4 })],
  ["llama with tied embeddings", llama({ ...size, num_hidden_layers: 4, tie_word_embeddings: true })],
  ["gpt-neox", gptNeox({ ...size, num_hidden_layers: 4 })],
  ["gpt2", gpt2({ vocab_size: 32, n_embd: 16, n_layer: 4, n_head: 2, n_positions: 16 })],
]

const logits = (model: Decoder) =>
  tf.tidy(() => Float32Array.from(logitsOf(model, tf.tensor2d([[1, 5, 9, 30]], [1, 4], "int32")).dataSync()))

for (const [name, use] of families)
  test(`${name}: all layers are the model itself, bit by bit; some layers keep their own numbers`, async () => {
    const whole = initialise(await Effect.runPromise(use.instance), 3)
    const before = tf.memory().numTensors
    const all = modelOfLayers(whole, [0, 1, 2, 3])
    expect(logits(all)).toEqual(logits(whole))
    const folders = [whole, all].map((model) => {
      const folder = mkdtempSync(join(tmpdir(), "winnow-layers-"))
      return { model, folder }
    })
    for (const { model, folder } of folders) await Effect.runPromise(saveModel(model, folder))
    const [a, b] = folders.map(({ folder }) => readFileSync(join(folder, "model.safetensors")))
    expect(b!.equals(a!)).toBe(true)

    const some = modelOfLayers(whole, [0, 3])
    expect(some.architecture.layers).toBe(2)
    expect(some.architecture.config[name === "gpt2" ? "n_layer" : "num_hidden_layers"]).toBe(2)
    expect(some.head_Vd.dataSync()).toEqual(whole.head_Vd.dataSync())
    const of = (model: Decoder, layer: number) =>
      [...model.parameters]
        .filter(([name]) => name.includes(`.${layer}.`))
        .map(([name, variable]) => [name.replace(`.${layer}.`, "."), variable.dataSync()])
    expect(of(some, 1).length).toBeGreaterThan(5)
    expect(of(some, 1)).toEqual(of(whole, 3))
    expect(of(some, 0)).toEqual(of(whole, 0))
    expect(logits(some)).not.toEqual(logits(whole))
    some.dispose()
    all.dispose()
    expect(tf.memory().numTensors).toBe(before)
    whole.dispose()
  })

test("a layer keeps the window that it had", async () => {
  const of = { ...size, num_hidden_layers: 4, use_sliding_window: true, sliding_window: 2, max_window_layers: 3 }
  const whole = initialise(await Effect.runPromise(qwen2(of).instance), 3)
  const some = modelOfLayers(whole, [0, 3])
  expect(some.architecture.config["layer_types"]).toEqual(["full_attention", "sliding_attention"])
  some.dispose()
  whole.dispose()
})

test("a layer that the model does not have is refused, and so is a model without layers", async () => {
  const model = initialise(await Effect.runPromise(families[0]![1].instance), 3)
  const refused = (layers: ReadonlyArray<number>) => {
    try {
      modelOfLayers(model, layers)
    } catch (error) {
      return String((error as Error).message)
    }
    throw new Error("was not refused")
  }
  expect(refused([0, 4, 7])).toBe(
    "layers 0, 4, 7 of a model: there is no layer 4, 7; the model has 4, name some of 0 to 3",
  )
  expect(refused([])).toContain("none is named; the model has 4, name some of 0 to 3")
  model.dispose()
})
