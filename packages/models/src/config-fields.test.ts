/** Every field of transformers' configuration classes has its part here, and what would change numbers is refused by name. */
import { describe, expect, test } from "bun:test"
import fieldsOfVersions from "../fixtures/config_fields.json"
import { architectureFromConfig, families } from "./families.fixture.ts"

const configFields = new Map(families.map(({ plugin, fields }) => [plugin, fields]))

const sizes = {
  vocab_size: 11,
  hidden_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 12,
}
const configs: Readonly<Record<string, object>> = {
  gpt_neox: sizes,
  llama: sizes,
  modernbert: sizes,
  "modernbert-decoder": sizes,
  phi: sizes,
  phi3: sizes,
  mistral: { ...sizes, num_key_value_heads: 2 },
  qwen2: { ...sizes, num_key_value_heads: 2 },
  codegen: { vocab_size: 11, n_embd: 16, n_layer: 1, n_head: 4, n_inner: 12, n_positions: 24, rotary_dim: 2 },
  qwen3: { ...sizes, num_key_value_heads: 2 },
  gemma2: { ...sizes, num_key_value_heads: 2 },
  gemma3_text: { ...sizes, num_key_value_heads: 2 },
  gpt2: { vocab_size: 11, n_embd: 16, n_layer: 1, n_head: 2, n_inner: 12, n_positions: 24 },
}

for (const [version, { common, ...families }] of Object.entries(fieldsOfVersions))
  for (const [family, own] of Object.entries(families))
    test(`each field of ${family} in transformers ${version} is in the table`, () => {
      const fields = configFields.get(family)!
      expect([...common, ...own].filter((name) => !fields.has(name))).toEqual([])
    })

/** Values that mean something else than leaving a key out. */
const harmful: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["layer_types", ["chunked_attention"]],
  ["is_causal", false],
  ["pruned_heads", { 0: [1] }],
  ["per_layer_config", { 0: { hidden_size: 8 } }],
  ["quantization_config", { bits: 4 }],
  ["head_dim", 6],
  ["no_rope_layers", [1, 1]],
])
const harmless: ReadonlyMap<string, ReadonlyArray<unknown>> = new Map<string, ReadonlyArray<unknown>>([
  ["layer_types", [[]]],
  ["is_causal", [true]],
  ["is_encoder_decoder", [false]],
  ["pruned_heads", [{}]],
  ["head_dim", [8]],
  ["num_key_value_heads", [2]],
  ["num_experts", [0]],
  ["logit_scale", [1, 1.0]],
  ["hidden_size", [16]],
  ["num_hidden_layers", [1]],
  ["max_position_embeddings", [24]],
])

for (const [model_type, fields] of configFields)
  describe(model_type, () => {
    const config = configs[model_type]!
    for (const [name, field] of fields) {
      if (field.part !== "refused") continue
      test(`${name}: another value is refused, a neutral one is not`, () => {
        const value = harmful.has(name) ? harmful.get(name) : 3
        expect(() => architectureFromConfig({ ...config, model_type, [name]: value })).toThrow(
          `${name} ${JSON.stringify(value)} is not supported: ${field.why}`,
        )
        // a size that is called otherwise here may say the same
        const heads = name === "num_attention_heads" ? [(config as Record<string, unknown>)["n_head"]] : []
        for (const neutral of [null, ...heads, ...(harmless.get(name) ?? [])])
          expect(architectureFromConfig({ ...config, model_type, [name]: neutral }).notes).toBeUndefined()
      })
    }

    test("a key without effect changes nothing, and none has a note", () => {
      const plain = architectureFromConfig({ ...config, model_type })
      const given = [...fields].filter(([, { part }]) => part === "none").map(([name]) => [name, 7] as const)
      expect(given.length).toBeGreaterThan(50)
      const odd = architectureFromConfig({ ...config, model_type, ...Object.fromEntries(given) })
      expect(odd.config).toEqual(plain.config)
      expect(odd.notes).toBeUndefined()
    })

    test("an unknown key is noted, by name, and a saved model keeps it", () => {
      const { notes, config: saved } = architectureFromConfig(
        { ...config, model_type, my_idea: 1, other: { a: [] } },
        "DIR/config.json",
      )
      expect(saved).toMatchObject({ my_idea: 1, other: { a: [] } })
      expect(notes).toEqual([
        `DIR/config.json: "my_idea", "other": not a setting of ${model_type} that is known here; without effect, a saved model keeps it`,
      ])
    })
  })
