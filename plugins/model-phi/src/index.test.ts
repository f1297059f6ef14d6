import { expect, test } from "bun:test"
import { parameterCount } from "@winnow/models"
import { checkFamily, checkGolden, instanceOf } from "@winnow/testing"
import { phi } from "./index.ts"

const sizes = {
  vocab_size: 23,
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 24,
  initializer_range: 0.3,
}

const forms = {
  "four of six entries rotated": { partial_rotary_factor: 0.7 },
  "grouped, exact GELU, scaled positions": {
    num_key_value_heads: 2,
    hidden_act: "gelu",
    partial_rotary_factor: 1,
    rope_scaling: { rope_type: "linear", factor: 2 },
    intermediate_size: 20,
  },
}

for (const [name, more] of Object.entries(forms))
  test(`${name}: keeps the laws`, () => checkFamily(phi, { ...sizes, ...more }), 60_000)

test("random configurations have the numbers of transformers, or are refused by name", () =>
  expect(checkGolden(phi, `${import.meta.dir}/../golden.json.gz`)).toEqual({ computed: 32, refused: 8 }))

test("sizes of Phi-2: 2.78 billion parameters", async () => {
  const config = { vocab_size: 51200, hidden_size: 2560, num_hidden_layers: 32, intermediate_size: 10240 }
  const of = phi.fromConfig({ model_type: "phi", ...config, partial_rotary_factor: 0.4 }, "config.json")
  expect(parameterCount(of)).toBe(2_779_683_840)
})

test("options that do not fit together are refused with the reason", async () => {
  const refused = (more: object) => instanceOf(phi.use({ ...sizes, ...more }))
  await expect(refused({ partial_rotary_factor: 0.5 })).rejects.toThrow("rotates an even number of entries (not 3)")
  await expect(refused({ partial_rotary_factor: 0.1 })).rejects.toThrow("2 or more entries of a head")
  await expect(refused({ num_key_value_heads: 3, partial_rotary_factor: 1 })).rejects.toThrow("num_key_value_heads 3")
  await expect(refused({ tie_word_embeddings: true })).rejects.toThrow("tie_word_embeddings must be false")
})
