/** `config.json`: the defaults of transformers, and the settings that are refused. */
import { expect, test } from "bun:test"
import { architectureFromConfig, smallConfig as config, families } from "./families.fixture.ts"

test("sizes that config.json lacks are those of transformers, token ids of any kind are carried along", () => {
  for (const [model_type, sizes] of [
    ["llama", [32000, 4096, 32]],
    ["gpt_neox", [50432, 6144, 44]],
  ] as const) {
    const { vocabularySize, hiddenSize, layers } = architectureFromConfig({ model_type })
    expect([vocabularySize, hiddenSize, layers]).toEqual([...sizes])
  }
  const ids = { pad_token_id: -1, eos_token_id: [2, -1], bos_token_id: null }
  expect(architectureFromConfig({ ...config, ...ids }).config).toMatchObject(ids)
  expect(architectureFromConfig({ ...config, pad_token_id: [1, 2] }).config).toMatchObject({ pad_token_id: [1, 2] })
})

test("settings that contradict each other are named without the whole config.json", () => {
  expect(() => architectureFromConfig({ ...config, num_attention_heads: 4, num_key_value_heads: 3 })).toThrow(
    /^config\.json: the settings must be such that num_key_value_heads 3 divides num_attention_heads 4$/,
  )
})

const refused: Record<string, readonly [change: Record<string, unknown>, says: string]> = {
  "unknown family": [
    { model_type: "bert" },
    `model_type "bert" is not known here; there are ${families
      .map(({ plugin }) => plugin)
      .toSorted()
      .join(", ")} (a family is a plugin: docs/models.md)`,
  ],
  "no family": [{ model_type: undefined }, "config.json: model_type is missing; there are "],
  "a family by the name of an inherited property": [
    { model_type: "constructor" },
    'model_type "constructor" is not known',
  ],
  "a family that is no text": [{ model_type: ["llama"] }, 'model_type ["llama"] is not known'],
  "scaled rope, old key": [{ rope_scaling: { type: "longrope", factor: 2 } }, 'rope_scaling of type "longrope"'],
  "scaled rope": [{ rope_parameters: { rope_type: "mrope", rope_theta: 1e4 } }, 'rope_parameters of type "mrope"'],
  "scaled rope of an inherited name": [{ rope_scaling: { type: "__proto__" } }, 'rope_scaling of type "__proto__"'],
  "scaled rope without its factor": [
    { rope_parameters: { rope_type: "yarn" } },
    "rope_scaling.factor must be a number",
  ],
  "scaled rope that is no object": [{ rope_scaling: "linear" }, 'rope_scaling must be an object (was "linear")'],
  "rope by kind of layer": [
    { rope_parameters: { full_attention: { rope_theta: 1e4 } } },
    "rope_parameters has settings of kinds of layers (full_attention)",
  ],
  "two original lengths": [
    {
      original_max_position_embeddings: 16,
      rope_scaling: {
        ...{ type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
        original_max_position_embeddings: 8,
      },
    },
    "original_max_position_embeddings is 16 in config.json and 8 beside the scaling",
  ],
  "a null where transformers has no default": [
    { intermediate_size: null },
    "intermediate_size must be a number (was null)",
  ],
  "layers beyond any model": [{ num_hidden_layers: 1e9 }, "num_hidden_layers must be at most 4096"],
  "a size beyond any model": [{ vocab_size: 1e300 }, "vocab_size must be at most 2147483647"],
  "partial rotary in llama": [{ rope_parameters: { partial_rotary_factor: 0.5 } }, "partial_rotary_factor 0.5"],
  activation: [{ hidden_act: "gelu" }, 'hidden_act "gelu" is not supported; supported are silu, swish'],
  "activation of an inherited name": [{ hidden_act: "toString" }, 'hidden_act "toString" is not supported'],
  "a null activation": [{ hidden_act: null }, "hidden_act null is not supported"],
  "attention bias of another kind": [{ attention_bias: "qkv" }, "attention_bias must be"],
  "sliding window": [{ sliding_window: 128 }, "sliding_window 128 is not supported"],
  quantised: [{ quantization_config: { bits: 4 } }, "quantised weights cannot be read"],
  "a size that is text": [{ hidden_size: "8" }, "hidden_size must be a number"],
}

for (const [name, [change, says]] of Object.entries(refused))
  test(`config.json refused: ${name}`, () => {
    expect(() => architectureFromConfig({ ...config, ...change })).toThrow(says)
  })

test("the rotary keys of transformers 4 and 5 mean the same", () => {
  const neox = { ...config, model_type: "gpt_neox", eos_token_id: null, hidden_size: 16 }
  const flat = architectureFromConfig({ ...neox, rotary_pct: 0.5, rotary_emb_base: 500 })
  const nested = architectureFromConfig({ ...neox, rope_parameters: { partial_rotary_factor: 0.5, rope_theta: 500 } })
  expect(nested.config).toEqual(flat.config)
  expect(nested.config).toMatchObject({ rotary_pct: 0.5, rope_theta: 500 })
})
