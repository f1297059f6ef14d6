import { expect, test } from "bun:test"
import { parameterCount } from "@winnow/models"
import { checkFamily, checkGolden, instanceOf } from "@winnow/testing"
import { modernbert } from "./index.ts"

const sizes = {
  vocab_size: 23,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  max_position_embeddings: 24,
  initializer_range: 0.3,
}

const forms = {
  "two layers of neighbours, the head tied with a bias": { local_attention: 6 },
  "biases everywhere, a head of its own": {
    norm_bias: true,
    attention_bias: true,
    mlp_bias: true,
    classifier_bias: true,
    tie_word_embeddings: false,
  },
}

for (const [name, more] of Object.entries(forms))
  test(`${name}: keeps the laws`, () => checkFamily(modernbert, { ...sizes, ...more }), 60_000)

test(
  "random configurations have the numbers of transformers, or are refused by name",
  () => expect(checkGolden(modernbert, `${import.meta.dir}/../golden.json.gz`)).toEqual({ computed: 32, refused: 6 }),
  60_000,
)

test("sizes of ModernBERT-base: 149.7 million parameters", () => {
  const base = modernbert.fromConfig({ model_type: "modernbert" }, "config.json")
  expect(parameterCount(base)).toBe(149_655_232)
})

test("options that do not fit together are refused with the reason", async () => {
  const refused = (more: object) => instanceOf(modernbert.use({ ...sizes, ...more }))
  await expect(refused({ num_attention_heads: 16 })).rejects.toThrow("into heads of an even size")
  await expect(refused({ layer_types: ["full_attention"] })).rejects.toThrow("one entry for each of 3 layers")
})
