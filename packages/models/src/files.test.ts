/** Model directories: what loads, what is refused and in which words. */
import { afterAll, expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { architectureFromConfig, smallConfig as config, loadModel, readArchitecture } from "./families.fixture.ts"
import { saveModel } from "./files.ts"
import { firstNonFinite } from "./finite.ts"
import { initialise } from "./initialise.ts"
import { readSafetensors, type TensorSource, writeSafetensors } from "./safetensors.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-files-"))
afterAll(() => rmSync(root, { recursive: true }))

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

test("buffers beside the parameters are left aside whatever their dtype, a needed tensor is not", async () => {
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
  expect(model.architecture.notes).toEqual([`${dir}: score.weight and 1 more tensors beside the model: not read`])
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
  for (const length of [1, 2, 3, 5, 2 ** 14 - 1, 2 ** 14 + 3]) {
    const values = new Float32Array(length).fill(3e38)
    expect(firstNonFinite(values)).toBe(-1)
    for (const at of new Set([0, length - 1, length >> 1])) {
      const changed = values.slice()
      changed[at] = at % 2 === 0 ? Number.NaN : Number.NEGATIVE_INFINITY
      expect(firstNonFinite(changed)).toBe(at)
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

/** A copy of a model's folder, changed. */
const changed = async (name: string, change: (dir: string) => void): Promise<string> => {
  const dir = await saved(`changed-${name.replaceAll(/\W+/g, "-")}`)
  change(dir)
  return dir
}
const move = (from: string, to: string) => (dir: string) => renameSync(join(dir, from), join(dir, to))
const add = (name: string, content: string) => (dir: string) => writeFileSync(join(dir, name), content)
const only = (name: string, content: string) => (dir: string) => {
  rmSync(dir, { recursive: true })
  mkdirSync(dir)
  writeFileSync(join(dir, name), content)
}
const insteadOf = (name: string, make: (file: string) => void) => (dir: string) => {
  rmSync(join(dir, name))
  make(join(dir, name))
}
const lfs = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 4\n`

const folders: Record<string, readonly [change: (dir: string) => void, says: string]> = {
  "no config.json": [(dir) => rmSync(join(dir, "config.json")), "has no config.json beside its model.safetensors"],
  "nothing in it": [(dir) => [rmSync(dir, { recursive: true }), mkdirSync(dir)], "has no config.json, it is empty"],
  "no weights": [
    (dir) => rmSync(join(dir, "model.safetensors")),
    "neither model.safetensors nor model.safetensors.index.json: download or write the weights",
  ],
  "weights of PyTorch": [move("model.safetensors", "pytorch_model.bin"), "it has pytorch_model.bin, which is not read"],
  "weights of Meta": [
    move("model.safetensors", "consolidated.00.pth"),
    "it has consolidated.00.pth, which is not read",
  ],
  "a GGUF file": [move("model.safetensors", "model-Q4.gguf"), "it has model-Q4.gguf, a GGUF file"],
  "a GGUF file alone": [only("model-Q4.gguf", "GGUF"), "has no config.json: it has model-Q4.gguf, a GGUF file"],
  "weights of another name": [
    move("model.safetensors", "weights.safetensors"),
    "it has weights.safetensors; weights are read from",
  ],
  "a shard without its index": [
    move("model.safetensors", "model-00001-of-00002.safetensors"),
    "it has model-00001-of-00002.safetensors but no model.safetensors.index.json",
  ],
  "an adapter alone": [
    only("adapter_config.json", '{"base_model_name_or_path":"org/base"}'),
    "it holds an adapter of org/base alone; merge it",
  ],
  "an adapter's weights in place of the model's": [
    move("model.safetensors", "adapter_model.safetensors"),
    "it holds an adapter alone (adapter_model.safetensors)",
  ],
  "an adapter beside the model": [
    add("adapter_config.json", '{"base_model_name_or_path":"org/base"}'),
    "has an adapter of org/base beside a model (adapter_config.json)",
  ],
  "an adapter in the weights": [
    (dir) =>
      edit(
        dir,
        (all) =>
          void all.set("model.layers.0.mlp.up_proj.lora_A.default.weight", { shape: [1], data: new Float32Array(1) }),
      ),
    "an adapter (LoRA) is in the weights (model.layers.0.mlp.up_proj.lora_A.default.weight)",
  ],
  "quantised weights": [
    (dir) =>
      edit(dir, (all) => void all.set("model.layers.0.mlp.up_proj.qweight", { shape: [1], data: new Float32Array(1) })),
    "the weights are quantised (model.layers.0.mlp.up_proj.qweight)",
  ],
  "a model one folder below": [
    (dir) => [mkdirSync(join(dir, "checkpoint-500")), move("config.json", "checkpoint-500/config.json")(dir)],
    "its folder checkpoint-500 has one: give",
  ],
  "a cache of the hub": [
    (dir) => [only("refs", "")(dir), mkdirSync(join(dir, "snapshots", "0a1b"), { recursive: true })],
    "it is a cache of the Hugging Face hub; give",
  ],
  "a Git LFS pointer for weights": [add("model.safetensors", lfs), "this is a Git LFS pointer"],
  "a Git LFS pointer for config.json": [add("config.json", lfs), "config.json is not JSON: this is a Git LFS pointer"],
  "a web page for config.json": [add("config.json", "<!doctype html>\n<html></html>"), "this is a web page (HTML)"],
  "a cut config.json": [add("config.json", '{"model_type": "lla'), "was it cut short, or edited?"],
  "cut weights": [
    (dir) =>
      writeFileSync(join(dir, "model.safetensors"), readFileSync(join(dir, "model.safetensors")).subarray(0, -9)),
    "truncated",
  ],
  "an index that maps to nothing": [
    (dir) => [rmSync(join(dir, "model.safetensors")), add("model.safetensors.index.json", '{"weight_map":{}}')(dir)],
    "weight_map must map names to .safetensors files",
  ],
  "a config.json that never ends": [
    insteadOf("config.json", (file) => symlinkSync("/dev/zero", file)),
    "this is a device",
  ],
  "weights that wait": [
    insteadOf("model.safetensors", (file) => void execFileSync("mkfifo", [file])),
    "this is a named pipe, expected a regular file",
  ],
  "a config.json that is a folder": [insteadOf("config.json", (file) => mkdirSync(file)), "this is a folder"],
  "a large config.json": [
    (dir) => truncateSync(join(dir, "config.json"), 2 ** 40),
    "a JSON file of a model has at most",
  ],
  "a config.json deeper than the stack": [
    add("config.json", `{"model_type":${"[".repeat(3e5)}${"]".repeat(3e5)}}`),
    "config.json",
  ],
}
for (const [name, [change, says]] of Object.entries(folders))
  test(`a folder that is not what was meant: ${name}`, async () => {
    const before = tf.memory().numTensors
    const dir = await changed(name, change)
    expect(await reason(dir)).toContain(says)
    expect(await Effect.runPromise(Effect.flip(readArchitecture(dir))).then(({ message }) => message)).toContain(says)
    expect(tf.memory().numTensors).toBe(before)
  })

const paths: Record<string, readonly [path: string, says: string]> = {
  nothing: [join(root, "nowhere"), "there is nothing of this name; a model is a directory"],
  "a model's name on the hub": ["EleutherAI/pythia-70m", "write hf:EleutherAI/pythia-70m; a model is"],
  "a ~ in quotes": ["~/models/pythia", "the shell expands ~ only where it is not in quotes"],
  "a ~ made absolute": [join(process.cwd(), "~/models/pythia"), "the shell expands ~ only where it is not in quotes"],
}
for (const [name, [path, says]] of Object.entries(paths))
  test(`a path that is no folder: ${name}`, async () => expect(await reason(path)).toContain(says))

test("a path that is a file of a model", async () => {
  const dir = await saved("files")
  expect(await reason(join(dir, "config.json"))).toContain("is not a directory: give the folder that holds config.json")
  for (const [name, says] of [
    ["m.gguf", "a GGUF file"],
    ["pytorch_model.bin", "a file of PyTorch"],
    ["notes.txt", "a model is a directory"],
  ] as const) {
    writeFileSync(join(dir, name), "x")
    expect(await reason(join(dir, name))).toContain(says)
  }
})
