/** The folder for vLLM: names and shapes are those that its Medusa looks for, config.json has the fields of its class. */
import { expect, test } from "bun:test"
import { llama } from "@winnow/model-llama"
import { initialise, initialiseHead } from "@winnow/models"
import { instanceOf } from "@winnow/testing"
import { medusa } from "./index.ts"

const [D, V] = [16, 32]
const sizes = { vocab_size: V, hidden_size: D, num_hidden_layers: 1, num_attention_heads: 2 }
const target = initialise(await instanceOf(llama({ ...sizes, max_position_embeddings: 32 })), 1)

/** Parameters of MedusaConfig, and attributes that its model asks the configuration for. */
const fields = {
  class: ["hidden_size", "vocab_size", "num_heads", "num_hidden_layers", "truncated_vocab_size"],
  model: ["medusa_fc_bias", "original_lm_head"],
  every: ["architectures", "model_type", "dtype"],
}

const folderOf = async (options: Parameters<typeof medusa>[0]) => {
  const head = initialiseHead(await instanceOf(medusa(options)), target, 1)
  const { config, tensors } = head.folderFor!("vllm")
  const shapes = Object.fromEntries(tensors.map(({ name, shape }) => [name, [...shape]]))
  const last = tensors.at(-1)!.data().slice()
  head.dispose()
  return { config, shapes, last }
}

test("own vocabulary heads", async () => {
  const { config, shapes } = await folderOf({ heads: 2, blocks: 2 })
  expect(Object.keys(config).toSorted()).toEqual(Object.values(fields).flat().toSorted())
  expect(config).toMatchObject({ architectures: ["MedusaModel"], num_heads: 2, num_hidden_layers: 2, hidden_size: D })
  expect(config).toMatchObject({
    vocab_size: V,
    truncated_vocab_size: V,
    medusa_fc_bias: true,
    original_lm_head: false,
  })
  const head = (k: number) => ({
    [`blocks.${k}.layers.0.weight`]: [D, D],
    [`blocks.${k}.layers.0.bias`]: [D],
    [`blocks.${k}.layers.1.weight`]: [D, D],
    [`blocks.${k}.layers.1.bias`]: [D],
    [`lm_heads.${k}.weight`]: [V, D],
  })
  expect(shapes).toEqual({ ...head(0), ...head(1) })
})

test("the target's vocabulary head: vLLM takes it for all heads from lm_heads.0", async () => {
  const { config, shapes, last } = await folderOf({ heads: 2, vocabulary: "target", bias: false })
  expect(config).toMatchObject({ medusa_fc_bias: false, original_lm_head: true })
  expect(shapes).toEqual({
    "blocks.0.layers.0.weight": [D, D],
    "blocks.1.layers.0.weight": [D, D],
    "lm_heads.0.weight": [V, D],
  })
  expect(last).toEqual(target.head_Vd.dataSync().slice() as Float32Array<ArrayBuffer>)
})
