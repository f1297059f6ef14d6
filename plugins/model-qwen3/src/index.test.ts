import { expect, test } from "bun:test"
import { parameterCount } from "@winnow/models"
import { checkFamily, checkGolden, instanceOf } from "@winnow/testing"
import { qwen3 } from "./index.ts"

const sizes = {
  vocab_size: 23,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 24,
  initializer_range: 0.3,
}

const forms = {
  "grouped, tied": { num_key_value_heads: 2, tie_word_embeddings: true },
  "wide heads, biases, a window in the second layer": {
    head_dim: 6,
    attention_bias: true,
    use_sliding_window: true,
    sliding_window: 4,
    max_window_layers: 1,
  },
}

for (const [name, more] of Object.entries(forms))
  test(`${name}: keeps the laws`, () => checkFamily(qwen3, { ...sizes, ...more }))

test("random configurations have the numbers of transformers, or are refused by name", () =>
  expect(checkGolden(qwen3, `${import.meta.dir}/../golden.json.gz`)).toEqual({ computed: 32, refused: 5 }))

test("sizes of Qwen3-0.6B: 596 million parameters", () => {
  const config = {
    model_type: "qwen3",
    hidden_size: 1024,
    num_hidden_layers: 28,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    intermediate_size: 3072,
    tie_word_embeddings: true,
  }
  expect(parameterCount(qwen3.fromConfig(config, "config.json"))).toBe(596_049_920)
})

test("options that do not fit together are refused with the reason", async () => {
  const refused = (more: object) => instanceOf(qwen3.use({ ...sizes, ...more }))
  await expect(refused({ num_key_value_heads: 3 })).rejects.toThrow("num_key_value_heads 3 divides")
  await expect(refused({ mlp_bias: true })).rejects.toThrow("mlp_bias")
})
