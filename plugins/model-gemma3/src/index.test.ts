import { expect, test } from "bun:test"
import { parameterCount } from "@winnow/models"
import { checkFamily, checkGolden, instanceOf } from "@winnow/testing"
import { gemma3 } from "./index.ts"

const sizes = {
  vocab_size: 23,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  query_pre_attn_scalar: 6,
  max_position_embeddings: 24,
  initializer_range: 0.3,
}

const forms = {
  "no window": { sliding_window_pattern: 1 },
  "grouped, a window in the first layer": { num_key_value_heads: 2, sliding_window: 4, sliding_window_pattern: 2 },
  "wide heads, biases, a window in the second layer, another head": {
    head_dim: 6,
    attention_bias: true,
    tie_word_embeddings: false,
    sliding_window: 3,
    layer_types: ["full_attention", "sliding_attention"] as const,
    final_logit_softcapping: 1.5,
  },
}

for (const [name, more] of Object.entries(forms))
  test(`${name}: keeps the laws`, () => checkFamily(gemma3, { ...sizes, ...more }))

test("random configurations have the numbers of transformers, or are refused by name", () =>
  expect(checkGolden(gemma3, `${import.meta.dir}/../golden.json.gz`)).toEqual({ computed: 32, refused: 6 }))

const gemma1b = {
  model_type: "gemma3_text",
  vocab_size: 262144,
  hidden_size: 1152,
  num_attention_heads: 4,
  num_key_value_heads: 1,
  intermediate_size: 6912,
  sliding_window: 512,
  rope_theta: 1000000,
  rope_local_base_freq: 10000,
}

test("sizes of Gemma 3 1B: 1000 million parameters", () => {
  expect(parameterCount(gemma3.fromConfig(gemma1b, "config.json"))).toBe(999_885_952)
})

test("a config.json that asks for more is refused with the reason", () => {
  const read = (more: object) => () => gemma3.fromConfig({ ...gemma1b, ...more }, "config.json")
  expect(read({ final_logit_softcapping: -1 })).toThrow("final_logit_softcapping must be positive (was -1)")
  expect(read({ use_bidirectional_attention: true })).toThrow("a token attends to those before it alone")
  const linear = { rope_type: "linear", factor: 2 }
  expect(read({ rope_parameters: { sliding_attention: linear } })).toThrow(
    "rope_parameters of sliding_attention are scaled",
  )
  expect(read({ rope_parameters: linear })).toThrow("rope_parameters must have an object each for full_attention and")
  expect(read({ rope_scaling: 2 })).toThrow("rope_scaling must be an object (was 2)")
})

test("logits are capped where the config.json says so; a cap of scores is told as ignored, as in transformers", () => {
  const read = (more: object) => gemma3.fromConfig({ ...gemma1b, ...more }, "config.json")
  expect(read({ final_logit_softcapping: 30 }).logitCap).toBe(30)
  expect(read({ final_logit_softcapping: null }).logitCap).toBeUndefined()
  const [key] = gemma3.keys!({ attn_logit_softcapping: 50 })
  expect(key).toMatchObject({ part: "ignored", why: expect.stringContaining("caps no score") })
})

test("options that do not fit together are refused with the reason", async () => {
  const refused = (more: object) => instanceOf(gemma3.use({ ...sizes, ...more }))
  await expect(refused({ layer_types: ["full_attention"] })).rejects.toThrow("one entry for each of 2 layers (not 1)")
  await expect(refused({ attn_logit_softcapping: 30 })).rejects.toThrow("attn_logit_softcapping")
})
