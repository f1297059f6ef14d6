/** Model directories: bytes, keys, shards, and the tensors that are read, left aside or refused. */
import { afterAll, expect, test } from "bun:test"
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { configText } from "./config-text.ts"
import { architectureFromConfig, smallConfig as config, loadModel } from "./families.fixture.ts"
import { saveModel } from "./files.ts"
import { firstNonFinite, plainFirstNonFinite } from "./finite.ts"
import { initialise } from "./initialise.ts"
import { edit, modelFolders, reason } from "./model-folders.fixture.ts"
import { readSafetensors, writeSafetensors } from "./safetensors.ts"

const { root, saved } = modelFolders("files")
afterAll(() => rmSync(root, { recursive: true }))

test("config.json has what transformers needs; keys given on saving are added", async () => {
  const dir = join(root, "config")
  const model = initialise(architectureFromConfig(config), 3)
  await Effect.runPromise(saveModel(model, dir, { pad_token_id: 5 }))
  model.dispose()
  expect(JSON.parse(readFileSync(join(dir, "config.json"), "utf8"))).toMatchObject({
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    dtype: "float32",
    num_key_value_heads: 2,
    head_dim: 4,
    rope_parameters: { rope_type: "default", rope_theta: 10000 },
    bos_token_id: null,
    eos_token_id: [2, 3],
    pad_token_id: 5,
  })
})

test("whole numbers of keys that transformers takes as float alone have a point, and only there", () => {
  const nested = { final_logit_softcapping: 3 }
  const text = configText({
    final_logit_softcapping: 30,
    rms_norm_eps: 1e-6,
    initializer_range: 1,
    hidden_size: 16,
    nested,
  })
  expect(text.split("\n").map((line) => line.trim())).toEqual(
    ["{", '"final_logit_softcapping": 30.0,', '"rms_norm_eps": 0.000001,', '"initializer_range": 1.0,'].concat([
      '"hidden_size": 16,',
      '"nested": {',
      '"final_logit_softcapping": 3',
      "}",
      "}",
      "",
    ]),
  )
  expect(JSON.parse(text)).toMatchObject({ final_logit_softcapping: 30, initializer_range: 1, nested })
})

test("a copy of a copy has the same bytes, its keys in the order of the first", async () => {
  for (const model_type of ["llama", "gpt_neox"]) {
    const copy = async (from: string, to: string) => {
      const model = await Effect.runPromise(loadModel(from))
      await Effect.runPromise(saveModel(model, to))
      model.dispose()
      return readFileSync(join(to, "config.json"), "utf8")
    }
    const dir = await saved(`again-${model_type}`, { model_type, eos_token_id: 2 })
    const first = await copy(dir, join(dir, "first"))
    expect(await copy(join(dir, "first"), join(dir, "second"))).toBe(first)
    const own = ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "hidden_act"]
    const sizes = (text: string) => Object.keys(JSON.parse(text)).filter((key) => own.includes(key))
    expect(sizes(first)).toEqual(sizes(readFileSync(join(dir, "config.json"), "utf8")))
  }
})

test("shards are read by their index; a shard outside the directory is not", async () => {
  const dir = await saved("shards")
  const tensors = [...readSafetensors(join(dir, "model.safetensors"))].map(([name, rest]) => ({ name, ...rest }))
  rmSync(join(dir, "model.safetensors"))
  const shards = { "model-1.safetensors": tensors.slice(0, 4), "model-2.safetensors": tensors.slice(4) }
  const weight_map: Record<string, string> = {}
  for (const [file, part] of Object.entries(shards)) {
    writeSafetensors(join(dir, file), part)
    for (const { name } of part) weight_map[name] = file
  }
  const index = join(dir, "model.safetensors.index.json")
  writeFileSync(index, JSON.stringify({ metadata: {}, weight_map }))
  const before = tf.memory().numTensors
  const model = await Effect.runPromise(loadModel(dir))
  for (const { name, data } of tensors) expect(model.parameters.get(name)!.dataSync()).toEqual(data as Float32Array)
  model.dispose()
  expect(tf.memory().numTensors).toBe(before)
  writeFileSync(index, JSON.stringify({ weight_map: { "lm_head.weight": "../model.safetensors" } }))
  expect(await reason(dir)).toContain("files beside it")
})

/** A file of tensors of any dtype, with zeros for data. */
const writeRaw = (
  file: string,
  tensors: Record<string, readonly [dtype: string, bytes: number, shape?: Array<number>]>,
) => {
  let at = 0
  const header = Object.entries(tensors).map(([name, [dtype, bytes, shape]]) => {
    at += bytes
    return [name, { dtype, shape: shape ?? [bytes], data_offsets: [at - bytes, at] }]
  })
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)))
  const head = new Uint8Array(8)
  new DataView(head.buffer).setBigUint64(0, BigInt(json.length), true)
  writeFileSync(file, new Uint8Array([...head, ...json, ...new Uint8Array(at)]))
}

/** Makes a folder of shards: the weights that are there, and a second file of raw tensors. */
const withShard = (dir: string, raw: Parameters<typeof writeRaw>[1]) => {
  const names = [...readSafetensors(join(dir, "model.safetensors")).keys()]
  renameSync(join(dir, "model.safetensors"), join(dir, "a.safetensors"))
  writeRaw(join(dir, "b.safetensors"), raw)
  const weight_map = Object.fromEntries([
    ...names.filter((name) => !(name in raw)).map((name) => [name, "a.safetensors"]),
    ...Object.keys(raw).map((name) => [name, "b.safetensors"]),
  ])
  writeFileSync(join(dir, "model.safetensors.index.json"), JSON.stringify({ weight_map }))
}

test("buffers of any dtype beside the parameters are ignored, a needed tensor is not", async () => {
  for (const model_type of ["llama", "gpt_neox"]) {
    const dir = await saved(`buffers-${model_type}`, { model_type, eos_token_id: 2 })
    withShard(dir, {
      "gpt_neox.layers.0.attention.bias": ["U8", 16, [1, 1, 4, 4]],
      "gpt_neox.layers.0.attention.masked_bias": ["F16", 2, []],
      "gpt_neox.layers.0.attention.rotary_emb.inv_freq": ["F32", 8, [2]],
      "model.layers.0.self_attn.bias": ["BOOL", 16, [1, 1, 4, 4]],
      "model.layers.0.self_attn.rotary_emb.inv_freq": ["F64", 16, [2]],
      "model.layers.0.self_attn.rotary_emb.cos_cached": ["BF16", 8, [4]],
      "model.rotary_emb.inv_freq": ["F32", 8, [2]],
      position_ids: ["I64", 32, [1, 4]],
    })
    const model = await Effect.runPromise(loadModel(dir))
    expect(model.architecture.notes).toBeUndefined()
    model.dispose()
  }
  const dir = await saved("needed")
  edit(dir, (tensors) => void tensors.delete("model.norm.weight"))
  withShard(dir, { "model.norm.weight": ["I8", 8, [8]] })
  expect(await reason(dir)).toContain("model.norm.weight has dtype I8; F32, F16, BF16, F64 are read")
})

test("a tied head's equal copy is left aside; another shape is refused", async () => {
  const dir = await saved("tied", { tie_word_embeddings: true })
  edit(dir, (tensors) => void tensors.set("lm_head.weight", tensors.get("model.embed_tokens.weight")!))
  const model = await Effect.runPromise(loadModel(dir))
  expect(model.head_Vd).toBe(model.parameters.get("model.embed_tokens.weight")!)
  expect(model.architecture.notes).toBeUndefined()
  model.dispose()
  edit(dir, (tensors) => void tensors.set("lm_head.weight", { shape: [2, 8], data: new Float32Array(16) }))
  expect(await reason(dir)).toContain("lm_head.weight has shape [2,8], config.json ties it to the embedding of [11,8]")
})

test("missing, unexpected and misshapen tensors are listed together; nothing stays behind", async () => {
  const dir = await saved("wrong")
  edit(dir, (tensors) => {
    tensors.delete("model.norm.weight")
    tensors.delete("lm_head.weight")
    tensors.set("lm_head.bias", { shape: [11], data: new Float32Array(11) })
    tensors.set("model.layers.0.input_layernorm.weight", { shape: [4, 2], data: new Float32Array(8) })
    tensors.set("model.layers.0.self_attn.q_norm.weight", { shape: [1], data: new Float32Array(1) })
  })
  const before = tf.memory().numTensors
  const message = await reason(dir)
  expect(message).toContain("model.norm.weight is missing")
  expect(message).toContain(
    'lm_head.weight is missing; if the head is the embedding, config.json needs "tie_word_embeddings"',
  )
  expect(message).toContain("lm_head.bias would change the logits")
  expect(message).toContain("model.layers.0.input_layernorm.weight has shape [4,2], config.json makes it [8]")
  expect(message).toContain("model.layers.0.self_attn.q_norm.weight is not a parameter of llama")
  expect(tf.memory().numTensors).toBe(before)
})

test("heads of other tasks beside the model are noted, not read", async () => {
  const dir = await saved("heads")
  edit(dir, (tensors) => {
    tensors.set("score.weight", { shape: [1], data: Float32Array.of(Number.NaN) })
    tensors.set("v_head.summary.weight", { shape: [1], data: new Float32Array(1) })
  })
  const model = await Effect.runPromise(loadModel(dir))
  expect(model.architecture.notes).toEqual([`${dir}: score.weight and 1 more tensor beside the model: not read`])
  model.dispose()
})

const broken: Record<string, readonly [value: number, says: string]> = {
  "a NaN": [Number.NaN, "one value not finite, the first is NaN at [1, 2]"],
  infinity: [Number.POSITIVE_INFINITY, "one value not finite, the first is Infinity at [1, 2]"],
}
for (const [name, [value, says]] of Object.entries(broken))
  test(`a weight that is ${name} is refused, with its place`, async () => {
    const dir = await saved(`broken-${name}`)
    edit(dir, (tensors) => {
      const { shape, data } = tensors.get("model.layers.0.mlp.up_proj.weight")!
      ;(data as Float32Array)[10] = value
      tensors.set("model.layers.0.mlp.up_proj.weight", { shape, data })
    })
    const before = tf.memory().numTensors
    expect(await reason(dir)).toContain(`${dir}: tensor model.layers.0.mlp.up_proj.weight: ${says}`)
    expect(tf.memory().numTensors).toBe(before)
  })

test("the first value that is not finite is found wherever it is", () => {
  for (const length of [1, 2, 3, 5, 2 ** 14 - 1, 2 ** 14 + 3, 2 ** 20 + 1]) {
    const values = new Float32Array(length).fill(3e38)
    for (const first of [firstNonFinite, plainFirstNonFinite]) expect(first(values)).toBe(-1)
    for (const at of new Set([0, length - 1, length >> 1])) {
      const changed = values.slice()
      changed[at] = at % 2 === 0 ? Number.NaN : Number.NEGATIVE_INFINITY
      for (const first of [firstNonFinite, plainFirstNonFinite]) expect(first(changed)).toBe(at)
    }
  }
})

test("more layers than the weights have are refused before any is made", async () => {
  const dir = await saved("layers")
  writeFileSync(join(dir, "config.json"), JSON.stringify({ ...config, num_hidden_layers: 4000 }))
  expect(await reason(dir)).toContain("config.json has num_hidden_layers 4000, the weights have 1 layers")
})

test("a tensor that two shards have is refused unless the index settles it", async () => {
  const dir = await saved("twice")
  const tensors = [...readSafetensors(join(dir, "model.safetensors"))].map(([name, rest]) => ({ name, ...rest }))
  rmSync(join(dir, "model.safetensors"))
  const norm = { name: "model.norm.weight", shape: [8], data: new Float32Array(8).fill(7) }
  writeSafetensors(join(dir, "a.safetensors"), tensors)
  writeSafetensors(join(dir, "b.safetensors"), [norm])
  const index = (of: string) =>
    writeFileSync(
      join(dir, "model.safetensors.index.json"),
      JSON.stringify({
        weight_map: {
          ...Object.fromEntries(tensors.map(({ name }) => [name, "a.safetensors"])),
          "model.norm.weight": of,
          x: "b.safetensors",
        },
      }),
    )
  for (const [shard, first] of [
    ["a.safetensors", 1],
    ["b.safetensors", 7],
  ] as const) {
    index(shard)
    const model = await Effect.runPromise(loadModel(dir))
    expect(model.parameters.get("model.norm.weight")!.dataSync()[0]).toBe(first)
    model.dispose()
  }
  index("c.safetensors")
  expect(await reason(dir)).toContain("lacks 1 of 3 shards that its index names, such as c.safetensors")
})
