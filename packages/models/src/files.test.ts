/** Model directories: what loads, what is refused and in which words. */
import { afterAll, expect, test } from "bun:test"
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { architectureFromConfig } from "./config.ts"
import { loadModel, saveModel } from "./files.ts"
import { initialise } from "./initialise.ts"
import { readSafetensors, type TensorSource, writeSafetensors } from "./safetensors.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-files-"))
afterAll(() => rmSync(root, { recursive: true }))

const config = {
  model_type: "llama",
  vocab_size: 11,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 12,
  // keys of `transformers` without effect here
  transformers_version: "5.18.0",
  id2label: { 0: "LABEL_0" },
  rope_scaling: null,
  head_dim: null,
  eos_token_id: [2, 3],
}

/** A saved model in a directory of its own. */
const saved = async (name: string, extra: Record<string, unknown> = {}): Promise<string> => {
  const dir = join(root, name)
  const model = initialise(architectureFromConfig({ ...config, ...extra }), 3)
  await Effect.runPromise(saveModel(model, dir))
  model.dispose()
  return dir
}

/** Rewrites the weights of a directory. */
const edit = (dir: string, change: (tensors: Map<string, Omit<TensorSource, "name">>) => void): void => {
  const file = join(dir, "model.safetensors")
  const tensors = new Map<string, Omit<TensorSource, "name">>(readSafetensors(file))
  change(tensors)
  writeSafetensors(
    file,
    [...tensors].map(([name, rest]) => ({ name, ...rest })),
  )
}

const reason = (dir: string): Promise<string> =>
  Effect.runPromise(Effect.flip(loadModel(dir))).then((error) => error.message)

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

test("tensors that old checkpoints carry beside the parameters, and a tied head's copy, are left aside", async () => {
  const dir = await saved("old", { tie_word_embeddings: true })
  edit(dir, (tensors) => {
    tensors.set("model.layers.0.self_attn.rotary_emb.inv_freq", { shape: [2], data: Float32Array.of(1, 0.1) })
    tensors.set("lm_head.weight", { shape: [11, 8], data: new Float32Array(88) })
  })
  const model = await Effect.runPromise(loadModel(dir))
  expect(model.head_Vd).toBe(model.parameters.get("model.embed_tokens.weight")!)
  model.dispose()
})

test("missing, unexpected and misshapen tensors are listed together; nothing stays behind", async () => {
  const dir = await saved("wrong")
  edit(dir, (tensors) => {
    tensors.delete("model.norm.weight")
    tensors.set("model.layers.0.input_layernorm.weight", { shape: [4, 2], data: new Float32Array(8) })
    tensors.set("score.weight", { shape: [1], data: new Float32Array(1) })
  })
  const before = tf.memory().numTensors
  const message = await reason(dir)
  expect(message).toContain("model.norm.weight is missing")
  expect(message).toContain("model.layers.0.input_layernorm.weight has shape [4,2], config.json makes it [8]")
  expect(message).toContain("score.weight is not a parameter of llama")
  expect(tf.memory().numTensors).toBe(before)
})

test("directories that are not models", async () => {
  expect(await reason(join(root, "nowhere"))).toContain("is not a directory")
  const dir = await saved("bare")
  const copy = (name: string, remove: string) => {
    cpSync(dir, join(root, name), { recursive: true })
    rmSync(join(root, name, remove))
    return join(root, name)
  }
  expect(await reason(copy("no-config", "config.json"))).toContain("config.json cannot be read")
  const empty = copy("no-weights", "model.safetensors")
  expect(await reason(empty)).toContain("neither model.safetensors nor model.safetensors.index.json")
  writeFileSync(join(empty, "pytorch_model.bin"), "")
  expect(await reason(empty)).toContain("save it as safetensors")
  writeFileSync(join(empty, "config.json"), "{")
  expect(await reason(empty)).toContain("is not JSON")
})

const refused: Record<string, readonly [change: Record<string, unknown>, says: string]> = {
  "unknown family": [{ model_type: "gpt2" }, 'model_type "gpt2" is not known, only gpt_neox and llama'],
  "scaled rope, old key": [{ rope_scaling: { type: "linear", factor: 2 } }, 'rope_scaling of type "linear"'],
  "scaled rope": [{ rope_parameters: { rope_type: "yarn", rope_theta: 1e4 } }, 'rope_parameters of type "yarn"'],
  "partial rotary in llama": [{ rope_parameters: { partial_rotary_factor: 0.5 } }, "partial_rotary_factor 0.5"],
  activation: [{ hidden_act: "gelu" }, "hidden_act must be"],
  "attention bias of another kind": [{ attention_bias: "qkv" }, "attention_bias must be"],
  "sliding window": [{ sliding_window: 128 }, "sliding_window 128 is not supported"],
  quantised: [{ quantization_config: { bits: 4 } }, "quantised weights cannot be read"],
  "no sizes": [{ hidden_size: undefined }, "hidden_size must be"],
}

for (const [name, [change, says]] of Object.entries(refused))
  test(`config.json refused: ${name}`, () => {
    const { hidden_size, ...rest } = { ...config, ...change }
    const changed = hidden_size === undefined ? rest : { ...rest, hidden_size }
    expect(() => architectureFromConfig(changed)).toThrow(says)
  })

test("the rotary keys of transformers 4 and 5 mean the same", () => {
  const neox = { ...config, model_type: "gpt_neox", eos_token_id: null, hidden_size: 16 }
  const flat = architectureFromConfig({ ...neox, rotary_pct: 0.5, rotary_emb_base: 500 })
  const nested = architectureFromConfig({ ...neox, rope_parameters: { partial_rotary_factor: 0.5, rope_theta: 500 } })
  expect(nested.config).toEqual(flat.config)
  expect(nested.config).toMatchObject({ rotary_pct: 0.5, rope_theta: 500 })
})
