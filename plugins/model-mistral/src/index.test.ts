import { expect, test } from "bun:test"
import { parameterCount } from "@winnow/models"
import { checkFamily, checkGolden, instanceOf } from "@winnow/testing"
import { mistral } from "./index.ts"

const sizes = {
  vocab_size: 23,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 24,
  initializer_range: 0.3,
}

const forms = {
  "no window": {},
  "a window of 5, grouped, tied": { sliding_window: 5, num_key_value_heads: 2, tie_word_embeddings: true },
  "a window of 1, wide heads": { sliding_window: 1, head_dim: 6 },
}

for (const [name, more] of Object.entries(forms))
  test(`${name}: keeps the laws`, () => checkFamily(mistral, { ...sizes, ...more }))

test("random configurations have the numbers of transformers, or are refused by name", () =>
  expect(checkGolden(mistral, `${import.meta.dir}/../golden.json.gz`)).toEqual({ computed: 32, refused: 5 }))

test("sizes of Mistral 7B: 7.24 billion parameters", async () => {
  const of = mistral.fromConfig({ model_type: "mistral", rope_theta: 10000.0 }, "config.json")
  expect(parameterCount(of)).toBe(7_241_732_096)
})

test("options that do not fit together are refused with the reason", async () => {
  const refused = (more: object) => instanceOf(mistral.use({ ...sizes, ...more }))
  await expect(refused({ sliding_window: 0 })).rejects.toThrow("sliding_window must be")
  await expect(refused({ attention_bias: true })).rejects.toThrow("attention_bias")
})
