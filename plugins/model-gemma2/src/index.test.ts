import { expect, test } from "bun:test"
import { parameterCount } from "@winnow/models"
import { checkFamily, checkGolden, instanceOf } from "@winnow/testing"
import { gemma2 } from "./index.ts"

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
  "caps that many scores and logits reach": {
    attn_logit_softcapping: 0.5,
    final_logit_softcapping: 1.5,
    sliding_window: 4,
  },
  "grouped wide heads, biases, another head, no caps": {
    num_key_value_heads: 2,
    head_dim: 6,
    attention_bias: true,
    tie_word_embeddings: false,
    attn_logit_softcapping: null,
    final_logit_softcapping: null,
    layer_types: ["full_attention", "sliding_attention"] as const,
  },
}

for (const [name, more] of Object.entries(forms))
  test(`${name}: keeps the laws`, () => checkFamily(gemma2, { ...sizes, ...more }))

test("random configurations have the numbers of transformers, or are refused by name", () =>
  expect(checkGolden(gemma2, `${import.meta.dir}/../golden.json.gz`)).toEqual({ computed: 32, refused: 6 }))

const gemma2b = {
  model_type: "gemma2",
  vocab_size: 256000,
  hidden_size: 2304,
  num_hidden_layers: 26,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  intermediate_size: 9216,
}

test("sizes of Gemma 2 2B: 2614 million parameters", () => {
  expect(parameterCount(gemma2.fromConfig(gemma2b, "config.json"))).toBe(2_614_341_888)
})

test("caps are those of the config.json, 30 and 50 without the keys, and none for null", () => {
  const read = (more: object) => gemma2.fromConfig({ ...gemma2b, ...more }, "config.json")
  expect(read({}).logitCap).toBe(30)
  expect(read({}).config).toMatchObject({ final_logit_softcapping: 30, attn_logit_softcapping: 50 })
  expect(read({ final_logit_softcapping: 20 }).logitCap).toBe(20)
  const plain = read({ final_logit_softcapping: null, attn_logit_softcapping: null })
  expect(plain.logitCap).toBeUndefined()
  // an absent key would mean 30 and 50 where the folder is read again
  expect(plain.config).toMatchObject({ final_logit_softcapping: null, attn_logit_softcapping: null })
})

test("a config.json that asks for more is refused with the reason", async () => {
  const read = (more: object) => () => gemma2.fromConfig({ ...gemma2b, ...more }, "config.json")
  expect(read({ final_logit_softcapping: 0 })).toThrow("final_logit_softcapping must be positive (was 0)")
  expect(read({ use_bidirectional_attention: true })).toThrow("a token attends to those before it alone")
  const wrong = instanceOf(gemma2.use({ ...sizes, layer_types: ["full_attention"] }))
  await expect(wrong).rejects.toThrow("one entry for each of 2 layers (not 1)")
})
