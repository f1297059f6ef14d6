import { expect, test } from "bun:test"
import { parameterCount } from "@winnow/models"
import { checkFamily, checkGolden, instanceOf } from "@winnow/testing"
import { codegen } from "./index.ts"

const sizes = { vocab_size: 23, n_embd: 24, n_layer: 2, n_head: 4, n_positions: 24, initializer_range: 0.3 }

const forms = {
  "two of six entries rotated": { rotary_dim: 2 },
  "two heads in a share, exact GELU, whole heads rotated": {
    rotary_dim: 4,
    n_embd: 32,
    n_head: 8,
    activation_function: "gelu",
    n_inner: 20,
  },
}

for (const [name, more] of Object.entries(forms))
  test(`${name}: keeps the laws`, () => checkFamily(codegen, { ...sizes, ...more }), 60_000)

test("random configurations have the numbers of transformers, or are refused by name", () =>
  expect(checkGolden(codegen, `${import.meta.dir}/../golden.json.gz`)).toEqual({ computed: 32, refused: 7 }))

test("sizes of CodeGen 350M: 357 million parameters, a bias for each token among them", async () => {
  const mono = await instanceOf(codegen({ vocab_size: 51200, n_embd: 1024, n_layer: 20, n_head: 16, rotary_dim: 32 }))
  const [d, m, V] = [1024, 4096, 51200]
  const layer = 4 * d * d + (d * m + m) + (m * d + d) + 2 * d
  expect(parameterCount(mono)).toBe(2 * V * d + V + 20 * layer + 2 * d)
})

test("options that do not fit together are refused with the reason", async () => {
  const refused = (more: object) => instanceOf(codegen.use({ ...sizes, rotary_dim: 2, ...more }))
  await expect(refused({ n_head: 6 })).rejects.toThrow("such that 4 divides n_head 6")
  await expect(refused({ n_embd: 26 })).rejects.toThrow("n_head 4 divides n_embd 26")
  await expect(refused({ rotary_dim: 8 })).rejects.toThrow("rotary_dim 8 is even, and at most n_embd / n_head")
  await expect(refused({ tie_word_embeddings: true })).rejects.toThrow("tie_word_embeddings must be false")
})
