import { expect, test } from "bun:test"
import { parameterCount } from "@winnow/models"
import { checkFamily, checkGolden, instanceOf } from "@winnow/testing"
import { qwen2 } from "./index.ts"

const sizes = {
  vocab_size: 23,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 24,
  initializer_range: 0.3,
}

const forms = {
  "no window, grouped, tied": { num_key_value_heads: 2, tie_word_embeddings: true },
  "a window in the second layer": { use_sliding_window: true, sliding_window: 4, max_window_layers: 1 },
  "a window in the first layer": {
    use_sliding_window: true,
    sliding_window: 3,
    layer_types: ["sliding_attention", "full_attention"] as const,
  },
}

for (const [name, more] of Object.entries(forms))
  test(`${name}: keeps the laws`, () => checkFamily(qwen2, { ...sizes, ...more }))

test("random configurations have the numbers of transformers, or are refused by name", () =>
  expect(checkGolden(qwen2, `${import.meta.dir}/../golden.json.gz`)).toEqual({ computed: 32, refused: 5 }))

test("sizes of Qwen2.5-0.5B: 494 million parameters", () => {
  const config = {
    model_type: "qwen2",
    hidden_size: 896,
    num_hidden_layers: 24,
    num_attention_heads: 14,
    num_key_value_heads: 2,
    intermediate_size: 4864,
    tie_word_embeddings: true,
  }
  expect(parameterCount(qwen2.fromConfig(config, "config.json"))).toBe(494_032_768)
})

test("options that do not fit together are refused with the reason", async () => {
  const refused = (more: object) => instanceOf(qwen2.use({ ...sizes, ...more }))
  await expect(refused({ layer_types: ["full_attention"] })).rejects.toThrow("one entry for each of 2 layers (not 1)")
  await expect(refused({ layer_types: ["full_attention", "sliding_attention"] })).rejects.toThrow(
    "layer 1, a sliding_attention of layer_types, has use_sliding_window and sliding_window",
  )
})
