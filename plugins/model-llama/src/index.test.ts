import { expect, test } from "bun:test"
import { checkFamily, checkGolden, instanceOf } from "@winnow/testing"
import { llama } from "./index.ts"

const sizes = {
  vocab_size: 23,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 24,
  initializer_range: 0.3,
}

const forms = {
  plain: {},
  "grouped, wide heads, biases, tied": {
    num_key_value_heads: 2,
    head_dim: 6,
    attention_bias: true,
    mlp_bias: true,
    tie_word_embeddings: true,
  },
  "scaled positions": { rope_scaling: { rope_type: "linear", factor: 2 } as const },
}

for (const [name, more] of Object.entries(forms))
  test(`${name}: keeps the laws`, () => checkFamily(llama, { ...sizes, ...more }))

test("random configurations have the numbers of transformers, or are refused by name", () =>
  expect(checkGolden(llama, `${import.meta.dir}/../golden.json.gz`)).toEqual({ computed: 32, refused: 5 }))

test("options that do not fit together are refused with the reason", async () => {
  const refused = (more: object) => instanceOf(llama.use({ ...sizes, ...more }))
  await expect(refused({ hidden_size: 1e300 })).rejects.toThrow("hidden_size must be at most 2147483647")
  await expect(refused({ num_key_value_heads: 3 })).rejects.toThrow("num_key_value_heads 3 divides")
  await expect(refused({ rope_scaling: null })).rejects.toThrow(/rope_scaling(\.rope_type)? must be/)
  await expect(refused({ hidden_act: "gelu" })).rejects.toThrow("hidden_act")
})
