import { expect, test } from "bun:test"
import { parameterCount } from "@winnow/models"
import { checkFamily, checkGolden, instanceOf } from "@winnow/testing"
import { gptNeox } from "./index.ts"

const sizes = {
  vocab_size: 23,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 24,
  initializer_range: 0.3,
}

const forms = {
  "half of a head rotated": { rotary_pct: 0.5 },
  "sequential residual, tied, no attention bias": {
    rotary_pct: 1,
    use_parallel_residual: false,
    tie_word_embeddings: true,
    attention_bias: false,
  },
}

for (const [name, more] of Object.entries(forms))
  test(`${name}: keeps the laws`, () => checkFamily(gptNeox, { ...sizes, ...more }))

test("random configurations have the numbers of transformers, or are refused by name", () =>
  expect(checkGolden(gptNeox, `${import.meta.dir}/../golden.json.gz`)).toEqual({ computed: 32, refused: 5 }))

test("sizes of Pythia-70M: 70.4 million parameters, 19 million of them in the trunk", async () => {
  const pythia = await instanceOf(
    gptNeox({
      vocab_size: 50304,
      hidden_size: 512,
      num_hidden_layers: 6,
      num_attention_heads: 8,
      intermediate_size: 2048,
    }),
  )
  expect(parameterCount(pythia)).toBe(70_426_624)
  // Two FLOPs a weight of the 6 x 12 d^2 matrices, 4 T d a layer for scores and mixing.
  expect(pythia.trunkFlops(1024)).toBe(2 * (6 * 12 * 512 * 512) + 6 * 4 * 1024 * 512)
})

test("options that do not fit together are refused with the reason", async () => {
  const refused = (more: object) => instanceOf(gptNeox.use({ ...sizes, ...more }))
  await expect(refused({ hidden_size: 18 })).rejects.toThrow("num_attention_heads 4 divides hidden_size 18")
  await expect(refused({ rotary_pct: 0.01 })).rejects.toThrow("2 or more entries of a head")
  await expect(refused({ num_hidden_layers: 1e9 })).rejects.toThrow("num_hidden_layers must be at most 4096")
})
