import { expect, test } from "bun:test"
import type { Encoder } from "@winnow/core"
import { initialise, logitsOf, parameterCount, turnedModel } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { checkFamily, checkGolden, instanceOf } from "@winnow/testing"
import { modernbert, modernbertDecoder } from "./index.ts"

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

for (const family of [modernbert, modernbertDecoder])
  for (const [name, more] of Object.entries(forms))
    test(`${family.plugin}, ${name}: keeps the laws`, () => checkFamily(family, { ...sizes, ...more }), 60_000)

for (const [family, file] of [
  [modernbert, "golden"],
  [modernbertDecoder, "golden-decoder"],
] as const)
  test(`${family.plugin}: random configurations have the numbers of transformers, or are refused by name`, () =>
    expect(checkGolden(family, `${import.meta.dir}/../${file}.json.gz`)).toEqual({ computed: 32, refused: 6 }))

const valuesOf = ({ parameters }: Encoder) => new Map([...parameters].map(([name, v]) => [name, v.dataSync()]))

for (const [name, more] of Object.entries(forms))
  test(`${name}: turned twice, a model is itself bit by bit; turned once, it reads what is before alone`, async () => {
    const of = { ...sizes, ...more, layer_types: ["full_attention", "full_attention", "full_attention"] as const }
    const encoder = initialise(await instanceOf(modernbert({ ...of, layer_types: [...of.layer_types] })), 3)
    const before = tf.memory().numTensors
    const decoder = turnedModel(encoder)
    expect(decoder.architecture).toMatchObject({ attends: "before", type: "modernbert-decoder" })
    expect(decoder.architecture.config["architectures"]).toEqual(["ModernBertDecoderForCausalLM"])
    expect(parameterCount(decoder.architecture)).toBe(parameterCount(encoder.architecture))
    const back = turnedModel(decoder)
    // transformers' decoder needs ids of start and padding, which stay
    expect(back.architecture.config).toEqual({ ...encoder.architecture.config, bos_token_id: 22, pad_token_id: 22 })
    expect(valuesOf(back)).toEqual(valuesOf(encoder))
    const logits = (model: Encoder, ids: Array<number>) =>
      tf.tidy(() => logitsOf(model, tf.tensor2d([ids], undefined, "int32")).dataSync())
    // of one token both read the same; of more, the encoder reads what follows too
    const [one, other] = [logits(encoder, [5]), logits(decoder, [5])]
    for (const [v, x] of other.entries()) expect(x).toBeCloseTo(one[v]!, 4)
    const [a, b] = [logits(decoder, [5, 7, 9]), logits(decoder, [5, 7, 11])]
    expect(a.subarray(0, 2 * 23)).toEqual(b.subarray(0, 2 * 23))
    expect(logits(encoder, [5, 7, 9]).subarray(0, 23)).not.toEqual(logits(encoder, [5, 7, 11]).subarray(0, 23))
    decoder.dispose()
    back.dispose()
    expect(tf.memory().numTensors).toBe(before)
    encoder.dispose()
  })

test("sizes of ModernBERT-base: 149.7 million parameters", () => {
  const base = modernbert.fromConfig({ model_type: "modernbert" }, "config.json")
  expect(parameterCount(base)).toBe(149_655_232)
})

test("options that do not fit together are refused with the reason", async () => {
  const refused = (more: object) => instanceOf(modernbert.use({ ...sizes, ...more }))
  await expect(refused({ num_attention_heads: 16 })).rejects.toThrow("into heads of an even size")
  await expect(refused({ layer_types: ["full_attention"] })).rejects.toThrow("one entry for each of 3 layers")
})
