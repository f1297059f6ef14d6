import { expect, test } from "bun:test"
import { parameterCount } from "@winnow/models"
import { checkFamily, checkGolden, instanceOf } from "@winnow/testing"
import { phi3 } from "./index.ts"

const sizes = {
  vocab_size: 23,
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 24,
  initializer_range: 0.3,
}
const longrope = { rope_type: "longrope", short_factor: [1, 1.5], long_factor: [2, 3] } as const

const forms = {
  "a window of 5, grouped, tied": { sliding_window: 5, num_key_value_heads: 2, tie_word_embeddings: true },
  "LongRoPE, four of six entries rotated": {
    rope_scaling: longrope,
    partial_rotary_factor: 0.7,
    original_max_position_embeddings: 16,
  },
}

for (const [name, more] of Object.entries(forms))
  test(`${name}: keeps the laws`, () => checkFamily(phi3, { ...sizes, ...more }), 60_000)

test("random configurations have the numbers of transformers, or are refused by name", () =>
  expect(checkGolden(phi3, `${import.meta.dir}/../golden.json.gz`)).toEqual({ computed: 32, refused: 6 }))

test("sizes of Phi-3-mini: 3.82 billion parameters", () => {
  expect(parameterCount(phi3.fromConfig({ model_type: "phi3" }, "config.json"))).toBe(3_821_079_552)
})

test("with LongRoPE a sequence has at most the positions before scaling", async () => {
  const config = { ...sizes, partial_rotary_factor: 0.7, rope_scaling: { ...longrope, rope_type: "su" } }
  expect(phi3.fromConfig(config, "config.json").maxLength).toBe(24)
  expect(phi3.fromConfig({ ...config, original_max_position_embeddings: 8 }, "config.json").maxLength).toBe(8)
  const inner = { ...config, rope_scaling: { ...longrope, original_max_position_embeddings: 8 } }
  expect(() => phi3.fromConfig(inner, "config.json")).toThrow(
    "original_max_position_embeddings is 4096 in config.json and 8 beside the scaling",
  )
})

test("options that do not fit together are refused with the reason", async () => {
  const refused = (more: object) => instanceOf(phi3.use({ ...sizes, ...more }))
  await expect(refused({ partial_rotary_factor: 0.5 })).rejects.toThrow("2 or more entries, an even number (not 3)")
  await expect(refused({ rope_scaling: longrope })).rejects.toThrow("rope_scaling has 3 factors of each kind (not 2)")
  await expect(refused({ num_key_value_heads: 3 })).rejects.toThrow("num_key_value_heads 3")
})
