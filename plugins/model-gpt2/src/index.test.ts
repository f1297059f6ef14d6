import { expect, test } from "bun:test"
import { parameterCount } from "@winnow/models"
import { checkFamily, checkGolden, instanceOf } from "@winnow/testing"
import { gpt2 } from "./index.ts"

const sizes = { vocab_size: 23, n_embd: 16, n_layer: 2, n_head: 4, n_positions: 24, initializer_range: 0.3 }

const forms = {
  plain: {},
  "scores as they are, exact GELU, own head": {
    scale_attn_weights: false,
    activation_function: "gelu",
    tie_word_embeddings: false,
    n_inner: 20,
  },
  "scores divided by the number of the layer": { scale_attn_by_inverse_layer_idx: true },
}

for (const [name, more] of Object.entries(forms))
  test(`${name}: keeps the laws`, () => checkFamily(gpt2, { ...sizes, ...more }))

test("random configurations have the numbers of transformers, or are refused by name", () =>
  expect(checkGolden(gpt2, `${import.meta.dir}/../golden.json.gz`)).toEqual({ computed: 32, refused: 5 }))

test("sizes of GPT-2: 124.4 million parameters; positions cost no products", async () => {
  const small = await instanceOf(gpt2({ vocab_size: 50257, n_embd: 768, n_layer: 12, n_head: 12 }))
  expect(parameterCount(small)).toBe(124_439_808)
  expect(small.trunkFlops(512)).toBe(2 * (12 * 12 * 768 * 768) + 12 * 4 * 512 * 768)
})

test("options that do not fit together are refused with the reason", async () => {
  const refused = (more: object) => instanceOf(gpt2.use({ ...sizes, ...more }))
  await expect(refused({ n_head: 3 })).rejects.toThrow("n_head 3 divides n_embd 16")
  await expect(refused({ activation_function: "relu" })).rejects.toThrow("activation_function")
  await expect(refused({ hidden_size: 16 })).rejects.toThrow("hidden_size")
})

test("config.json: what is computed otherwise is refused by name", () => {
  const read = (more: object) => gpt2.fromConfig({ n_embd: 16, n_head: 2, n_layer: 1, ...more }, "config.json")
  expect(() => read({ activation_function: "relu" })).toThrow(
    'activation_function "relu" is not supported; supported are gelu_new, gelu_pytorch_tanh, gelu, gelu_python',
  )
  expect(() => read({ hidden_size: 32 })).toThrow("hidden_size 32 is not supported: transformers takes it for n_embd")
  const { config } = read({ activation_function: "gelu_pytorch_tanh", n_inner: null, reorder_and_upcast_attn: true })
  expect(config).toMatchObject({ activation_function: "gelu_new", n_positions: 1024, vocab_size: 50257 })
  expect(config).not.toHaveProperty("n_inner")
})
