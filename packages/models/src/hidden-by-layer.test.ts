import { expect, test } from "bun:test"
import type { ModelUse } from "@winnow/core"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { phi } from "@winnow/model-phi"
import { rmsNorm, tf } from "@winnow/tensor"
import { tableModel } from "@winnow/testing"
import { Effect } from "effect"
import { hiddenByLayer, initialise, modelOfLayers } from "./index.ts"

const size = { vocab_size: 32, hidden_size: 16, num_attention_heads: 2, max_position_embeddings: 16 }
const families: ReadonlyArray<readonly [string, ModelUse]> = [
  ["llama", llama({ ...size, num_hidden_layers: 3 })],
  ["gpt2", gpt2({ vocab_size: 32, n_embd: 16, n_layer: 3, n_head: 2, n_positions: 16 })],
  ["phi, whose head has a bias", phi({ ...size, num_hidden_layers: 3 })],
]
const ids = () =>
  tf.tensor2d(
    [
      [1, 5, 9, 30],
      [2, 2, 7, 0],
    ],
    [2, 4],
    "int32",
  )

for (const [name, use] of families)
  test(`${name}: a state for each layer, the last as the model's own`, async () => {
    const model = initialise(await Effect.runPromise(use.instance), 3)
    const before = tf.memory().numTensors
    tf.tidy(() => {
      const states = hiddenByLayer(model, ids())
      expect(states.map(({ shape }) => shape)).toEqual(Array.from({ length: 4 }, () => [2, 4, 16]))
      const own = tf.slice(model.hidden(ids()), [0, 0, 0], [2, 4, 16])
      expect(states[3]!.dataSync()).toEqual(own.dataSync())
    })
    expect(tf.memory().numTensors).toBe(before)
    model.dispose()
  })

test("the states after a layer, normed, are those of a model of the layers so far", async () => {
  const model = initialise(await Effect.runPromise(families[0]![1].instance), 3)
  tf.tidy(() => {
    const states = hiddenByLayer(model, ids())
    const embedded = tf.gather(model.parameters.get("model.embed_tokens.weight")!, tf.reshape(ids(), [8]))
    expect(states[0]!.dataSync()).toEqual(embedded.dataSync() as Float32Array)
    for (const layer of [1, 2]) {
      const part = modelOfLayers(
        model,
        Array.from({ length: layer }, (_, l) => l),
      )
      const scale = part.parameters.get("model.norm.weight") as unknown as tf.Tensor1D
      const normed = rmsNorm(tf.reshape(states[layer]!, [8, 16]), scale, 1e-6)
      const expected = part.hidden(ids()).dataSync()
      for (const [i, x] of normed.dataSync().entries()) expect(x).toBeCloseTo(expected[i]!, 4)
      part.dispose()
    }
  })
  model.dispose()
})

test("an architecture that does not tell its layers has the last state alone", () => {
  const model = tableModel({ V: 8, states: 5, seed: 1 })
  tf.tidy(() => {
    const [last, ...others] = hiddenByLayer(model, tf.tensor2d([[1, 2]], [1, 2], "int32"))
    expect([others.length, last!.shape]).toEqual([0, [1, 2, 5]])
  })
  model.dispose()
})
