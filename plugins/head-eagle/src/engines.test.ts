/**
 * The folders for vLLM and SGLang: names and shapes are those that their loaders look for, and config.json is one that
 * their configuration classes read.
 */
import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { DraftHead, Engine, HeadUse } from "@winnow/core"
import { llama } from "@winnow/model-llama"
import { initialise, initialiseHead, openSafetensors, saveHeadFor } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { Effect } from "effect"
import { eagle } from "./index.ts"

const [d, V, m] = [16, 32, 40]
const target = initialise(
  await instanceOf(
    llama({
      ...{ vocab_size: V, hidden_size: d, num_hidden_layers: 7, num_attention_heads: 4, num_key_value_heads: 2 },
      ...{ max_position_embeddings: 64 },
    }),
  ),
  3,
)
const headOf = async (use: HeadUse): Promise<DraftHead> => initialiseHead(await instanceOf(use), target, 1)

/** Writes a folder and reads it back. */
const folderOf = async (engine: Engine, use: HeadUse) => {
  const dir = mkdtempSync(join(tmpdir(), "winnow-eagle-"))
  const head = await headOf(use)
  try {
    await Effect.runPromise(saveHeadFor(engine, head, dir))
    const file = openSafetensors(join(dir, "model.safetensors"))
    const shapes = Object.fromEntries(Array.from(file.tensors, ([name, { shape }]) => [name, [...shape]]))
    const read = (name: string) => {
      const values = new Float32Array(shapes[name]!.reduce((a, b) => a * b, 1))
      file.readInto(name, values)
      return values
    }
    for (const [name, variable] of head.parameters)
      expect(read(name)).toEqual(variable.dataSync().slice() as Float32Array<ArrayBuffer>)
    const values = {
      "fc.bias": shapes["fc.bias"] && read("fc.bias"),
      "lm_head.weight": shapes["lm_head.weight"] && read("lm_head.weight"),
    }
    file.close()
    return {
      config: JSON.parse(readFileSync(join(dir, "config.json"), "utf8")) as Record<string, unknown>,
      shapes,
      values,
    }
  } finally {
    head.dispose()
    rmSync(dir, { recursive: true })
  }
}

/** The tensors of the layer in the loaders of both, with `wide` columns before the attention. */
const layer = (at: string, wide: number) => ({
  [`${at}self_attn.q_proj.weight`]: [16, wide],
  [`${at}self_attn.k_proj.weight`]: [8, wide],
  [`${at}self_attn.v_proj.weight`]: [8, wide],
  [`${at}self_attn.o_proj.weight`]: [d, 16],
  [`${at}mlp.gate_proj.weight`]: [m, d],
  [`${at}mlp.up_proj.weight`]: [m, d],
  [`${at}mlp.down_proj.weight`]: [d, m],
  [`${at}post_attention_layernorm.weight`]: [d],
})
const sizes = {
  ...{ model_type: "llama", hidden_size: d, intermediate_size: m, vocab_size: V, num_hidden_layers: 1 },
  ...{ num_attention_heads: 4, num_key_value_heads: 2, head_dim: 4, max_position_embeddings: 64 },
  ...{ tie_word_embeddings: false, rope_theta: 10000, hidden_act: "silu" },
}
const options = { intermediate_size: m }

test("the first form for vLLM: the tensors of EagleLlamaForCausalLM, without its embedding and head, which are the target's", async () => {
  const { config, shapes } = await folderOf("vllm", eagle(options))
  // vLLM puts "model." before each name; its class comes from "Eagle" and this one.
  expect(shapes).toEqual({ "fc.weight": [d, 2 * d], ...layer("layers.0.", d) })
  expect(config).toMatchObject({ ...sizes, architectures: ["LlamaForCausalLM"] })
})

test("the first form for SGLang: LlamaForCausalLMEagle, whose fc always has a bias", async () => {
  const { config, shapes, values } = await folderOf("sglang", eagle(options))
  expect(shapes).toEqual({ "fc.weight": [d, 2 * d], "fc.bias": [d], ...layer("layers.0.", d) })
  expect([...values["fc.bias"]!].every((x) => x === 0)).toBe(true)
  expect(config).toMatchObject({ ...sizes, architectures: ["LlamaForCausalLMEagle"] })
})

test("a private part without a gate is the last columns of a wider layer, the same function; one with a gate is refused", async () => {
  const folder = (private_: { size: number; gate: "joint" | "none" }) =>
    headOf(eagle({ ...options, private: private_ }))
  const gated = await folder({ size: 3, gate: "joint" })
  for (const engine of ["vllm", "sglang"] as const)
    expect(() => gated.folderFor!(engine)).toThrow("a private part whose gate weighs it by each token")
  const own = await folder({ size: 3, gate: "none" })
  const down = own.parameters.get("layers.0.mlp.private.down.weight")!
  tf.tidy(() => down.assign(tf.tensor(normals(d * 3, 1, seeded(1, "down")), [d, 3])))
  const { config, tensors } = own.folderFor!("vllm")
  expect(config).toMatchObject({ ...sizes, intermediate_size: m + 3 })
  expect(tensors.some(({ name }) => name.includes("private"))).toBe(false)
  const wide = await headOf(eagle({ intermediate_size: m + 3 }))
  for (const { name, shape, data } of tensors) {
    const variable = wide.parameters.get(name)!
    expect(variable.shape).toEqual([...shape])
    tf.tidy(() => variable.assign(tf.tensor(data(), [...shape])))
  }
  const proposed = (head: DraftHead) => {
    const sequence = head.proposing!().begin({
      sampling: { temperature: 1 },
      vocabularySize: V,
      eosId: undefined,
    } as never)
    const states = Float32Array.from(normals(4 * d, 1, seeded(2, "states")))
    const seen = { from: 0, count: 4, of: () => states }
    const { q } = sequence.propose({ text: [3, 1, 4, 1, 5], room: 3, draw: () => 7, seen } as never)
    sequence.dispose?.()
    return (q as ReadonlyArray<Float64Array>).flatMap((row) => [...row])
  }
  const [ours, theirs] = [proposed(own), proposed(wide)]
  expect(ours.length).toBe(3 * V)
  for (const [i, p] of ours.entries()) expect(theirs[i]!).toBeCloseTo(p, 6)
  for (const one of [gated, own, wide]) one.dispose()
})

const third = {
  "fc.weight": [d, 3 * d],
  "midlayer.input_layernorm.weight": [d],
  "midlayer.hidden_norm.weight": [d],
  ...layer("midlayer.", 2 * d),
  "norm.weight": [d],
  "lm_head.weight": [V, d],
}
test("EAGLE-3's form: LlamaForCausalLMEagle3 for both; each counts the layers in its own way", async () => {
  const vllm = await folderOf("vllm", eagle({ form: "eagle3", ...options }))
  expect(vllm.shapes).toEqual(third)
  expect(vllm.config).toMatchObject({
    ...{ ...sizes, architectures: ["LlamaForCausalLMEagle3"], draft_vocab_size: V },
    eagle_aux_hidden_state_layer_ids: [2, 3, 4],
  })
  const sglang = await folderOf("sglang", eagle({ form: "eagle3", ...options }))
  expect(sglang.shapes).toEqual(third)
  expect(sglang.config).toMatchObject({
    ...{ ...sizes, architectures: ["LlamaForCausalLMEagle3"], draft_vocab_size: V },
    eagle_config: { use_aux_hidden_state: true, eagle_aux_hidden_state_layer_ids: [1, 2, 3] },
  })
})

test("EAGLE-3's form with the target's vocabulary head takes a copy of it along", async () => {
  const { shapes, values } = await folderOf("sglang", eagle({ form: "eagle3", vocabulary: "target", ...options }))
  expect(shapes).toEqual(third)
  expect(values["lm_head.weight"]).toEqual(target.head_Vd.dataSync().slice() as Float32Array<ArrayBuffer>)
})

test("a tap of the embedding is refused for SGLang, which has no number for it", async () => {
  await expect(folderOf("sglang", eagle({ form: "eagle3", taps: [0, 2, 4] }))).rejects.toThrow(
    "reads the target's embedding as a layer's state, which SGLang does not give",
  )
})

const python = process.env["WINNOW_PYTHON"]
if (python === undefined) console.log("transformers' LlamaConfig is not tried: WINNOW_PYTHON is not set")
test.skipIf(python === undefined)(
  "transformers' LlamaConfig, which both engines read it with, keeps every size",
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "winnow-eagle-"))
    for (const [engine, use] of [
      ["vllm", eagle(options)],
      ["sglang", eagle({ form: "eagle3", ...options })],
    ] as const) {
      const { config } = await folderOf(engine, use)
      writeFileSync(join(dir, "config.json"), JSON.stringify(config))
      const script = `
import json, sys
from transformers import AutoConfig
config = AutoConfig.from_pretrained(sys.argv[1])
print(json.dumps({"class": type(config).__name__, **{key: getattr(config, key) for key in sys.argv[2].split(",")}}))`
      const keys = Object.keys(sizes).filter((key) => key !== "rope_theta")
      const run = Bun.spawnSync([python!, "-c", script, dir, keys.join(",")])
      expect(run.stderr.toString().includes("Error")).toBe(false)
      const { rope_theta: _, ...expected } = sizes
      expect(JSON.parse(run.stdout.toString())).toEqual({ class: "LlamaConfig", ...expected })
    }
    rmSync(dir, { recursive: true })
  },
)
