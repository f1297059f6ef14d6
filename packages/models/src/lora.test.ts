/** LoRA changes nothing at first, has the gradients of its formula, and is saved merged and alone. */
import { afterAll, describe, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Decoder, Encoder } from "@winnow/core"
import { codegen } from "@winnow/model-codegen"
import { gptNeox } from "@winnow/model-gpt-neox"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { normals, seeded } from "@winnow/numerics"
import { gradients, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { loadModel, saveModel } from "./files.ts"
import { initialise } from "./initialise.ts"
import { type LoraModel, saveLora, withLora } from "./lora.ts"
import { copyModel, logitsOf } from "./model.ts"
import { readSafetensors } from "./safetensors.ts"

const sizes = {
  vocab_size: 23,
  hidden_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 20,
  max_position_embeddings: 16,
  initializer_range: 0.3,
}
const llamaSizes = Effect.runSync(llama({ ...sizes, num_key_value_heads: 1 }).instance)
const neoxSizes = Effect.runSync(gptNeox(sizes).instance)
const gpt2Sizes = Effect.runSync(
  gpt2({ vocab_size: 23, n_embd: 12, n_layer: 2, n_head: 2, n_inner: 20, n_positions: 16, initializer_range: 0.3 })
    .instance,
)
const ids = [
  [3, 1, 4, 1, 5, 9, 2],
  [6, 5, 3, 5, 8, 9, 7],
]
const folder = mkdtempSync(join(tmpdir(), "winnow-lora-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const lora = { kind: "lora", rank: 2, alpha: 6, on: ["q_proj", "down_proj"] } as const
const logits = (model: Encoder) =>
  tf.tidy(() => Array.from(logitsOf(model, tf.tensor2d(ids, [2, 7], "int32")).dataSync()))
const bits = (model: Decoder, only: (name: string) => boolean = () => true) =>
  Object.fromEntries([...model.parameters].flatMap(([name, p]) => (only(name) ? [[name, p.dataSync().slice()]] : [])))
/** Gives every adapter values that are no zeros. */
const stir = ({ trained, adapters }: LoraModel, seed: number) => {
  for (const [name, variable] of trained)
    tf.tidy(() => variable.assign(tf.tensor(normals(variable.size, 0.2, seeded(seed, name)), variable.shape)))
  adapters!.compose()
}

describe.each([
  ["llama", llamaSizes, ["q_proj", "down_proj"], 4],
  ["gpt-neox", neoxSizes, ["query_key_value", "layers.0.mlp.dense_h_to_4h"], 3],
  ["gpt2", gpt2Sizes, ["c_attn", "transformer.h.1.*"], 5],
] as const)("%s", (_, architecture, on, places) => {
  const options = { ...lora, on: [...on] }

  test("fresh adapters do not change the model; the same seed gives the same draws", () => {
    const before = tf.memory().numTensors
    const base = initialise(architecture, 1)
    const expected = logits(base)
    const adapted = withLora(base, options, 5)
    expect(adapted.adapters!.of.size).toBe(places)
    expect(adapted.trained.size).toBe(2 * places)
    adapted.adapters!.compose()
    expect(logits(adapted)).toEqual(expected)
    const [again, other] = [withLora(base, options, 5), withLora(base, options, 6)]
    const [name, a] = [...adapted.trained].find(([n]) => n.includes("lora_A"))!
    expect(again.trained.get(name)!.dataSync()).toEqual(a.dataSync())
    expect(other.trained.get(name)!.dataSync()).not.toEqual(a.dataSync())
    for (const made of [adapted, again, other]) made.release()
    base.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  test("the parameters are W + (alpha / rank) B A, in double precision; the others are untouched", () => {
    const base = initialise(architecture, 1)
    const original = copyModel(base)
    const adapted = withLora(base, options, 5)
    stir(adapted, 8)
    const moved = new Set(adapted.adapters!.of.keys())
    expect(bits(adapted, (n) => !moved.has(n))).toEqual(bits(original, (n) => !moved.has(n)))
    for (const [name, w] of adapted.adapters!.of) {
      const path = name.replace(/\.weight$/, "")
      const [e, d] = w.shape as [number, number]
      const [A, B] = ["lora_A", "lora_B"].map((l) => adapted.trained.get(`${path}.${l}.weight`)!.dataSync())
      const W = original.parameters.get(name)!.dataSync()
      const merged = w.dataSync()
      for (let i = 0; i < e; i++)
        for (let j = 0; j < d; j++) {
          const sum = B![2 * i]! * A![j]! + B![2 * i + 1]! * A![d + j]!
          expect(Math.abs(merged[i * d + j]! - (W[i * d + j]! + 3 * sum))).toBeLessThan(2e-6)
        }
    }
    adapted.release()
    for (const model of [base, original]) model.dispose()
  })

  test("gradients by A and B agree with finite differences", () => {
    const base = initialise(architecture, 1)
    const adapted = withLora(base, options, 5)
    stir(adapted, 9)
    const input = tf.tensor2d(ids, [2, 7], "int32")
    const weights = tf.tensor(normals(14 * 12, 1, seeded(4, "loss")), [2, 7, 12])
    const loss = () => tf.sum(tf.mul(adapted.hidden(input), weights)) as tf.Scalar
    const before = tf.memory().numTensors
    const byName = tf.tidy(() => {
      const moved = [...adapted.adapters!.of]
      const { gradients: found } = gradients(
        loss,
        moved.map(([, v]) => v),
      )
      return adapted.adapters!.pullBack(Object.fromEntries(moved.map(([name], i) => [name, found[i]!])))
    })
    expect(Object.keys(byName).sort()).toEqual([...adapted.trained.keys()].sort())
    const rng = seeded(2, "places")
    const step = 5e-3
    for (const [name, variable] of adapted.trained) {
      const values = variable.dataSync().slice()
      const gradient = byName[name]!.dataSync() as Float32Array
      const largest = gradient.reduce((m, x) => Math.max(m, Math.abs(x)), 0)
      for (let k = 0; k < 3; k++) {
        const at = rng.below(variable.size)
        const [above, below] = [step, -step].map((h) => {
          const changed = values.slice()
          changed[at]! += h
          tf.tidy(() => variable.assign(tf.tensor(changed, variable.shape)))
          adapted.adapters!.compose()
          return tf.tidy(() => loss().dataSync()[0]!)
        })
        const numeric = (above! - below!) / (2 * step)
        expect(Math.abs(numeric - gradient[at]!), `${name}[${at}]`).toBeLessThan(0.02 * largest + 1e-3)
      }
      tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)))
    }
    tf.dispose(byName)
    expect(tf.memory().numTensors).toBe(before)
    tf.dispose([input, weights])
    adapted.release()
    base.dispose()
  })

  test("saved: the merged model gives the adapted model's logits, and the adapters stand beside it in peft's layout", async () => {
    const base = initialise(architecture, 1)
    const adapted = withLora(base, options, 5)
    stir(adapted, 10)
    const expected = logits(adapted)
    const dir = join(folder, architecture.type)
    await Effect.runPromise(saveModel(adapted, dir))
    await Effect.runPromise(saveLora(adapted, join(dir, "adapter")))
    const merged = await Effect.runPromise(loadModel(dir, [gpt2, gptNeox, llama]))
    for (const [i, x] of logits(merged).entries()) expect(Math.abs(x - expected[i]!)).toBeLessThan(1e-5)
    const file = readSafetensors(join(dir, "adapter", "adapter_model.safetensors"))
    expect([...file.keys()].sort()).toEqual([...adapted.trained.keys()].map((n) => `base_model.model.${n}`).sort())
    for (const [name, variable] of adapted.trained)
      expect(file.get(`base_model.model.${name}`)!.data).toEqual(variable.dataSync() as Float32Array)
    const config = JSON.parse(readFileSync(join(dir, "adapter", "adapter_config.json"), "utf8"))
    expect(config).toMatchObject({ peft_type: "LORA", r: 2, lora_alpha: 6 })
    expect(config.fan_in_fan_out).toBe(architecture.type === "gpt2") // Conv1D holds the transpose
    expect(config.target_modules).toHaveLength(places)
    merged.dispose()
    adapted.release()
    base.dispose()
  })
})

test("adapters on rows that files hold in another order are not saved alone, the merged model is", async () => {
  const options = { vocab_size: 23, n_embd: 16, n_layer: 1, n_head: 4, n_positions: 16, rotary_dim: 2 }
  const base = initialise(Effect.runSync(codegen(options).instance), 1)
  const adapted = withLora(base, { ...lora, on: ["qkv_proj"] }, 1)
  const refused = await Effect.runPromise(Effect.flip(saveLora(adapted, join(folder, "codegen"))))
  expect(refused.message).toContain("the rows of transformer.h.0.attn.qkv_proj.weight in another order")
  adapted.release()
  base.dispose()
})

test("places that there are not, and a rank that saves nothing, are refused", () => {
  const base = initialise(llamaSizes, 1)
  const before = tf.memory().numTensors
  const refused = (options: object) => {
    try {
      withLora(base, { ...lora, on: [...lora.on], ...options }, 1)
    } catch (error) {
      return String(error)
    }
    throw new Error("it was not refused")
  }
  expect(refused({ on: ["query"] })).toContain(
    '"query" names no linear layer of llama; there are model.layers.*.self_attn.q_proj, ',
  )
  expect(refused({ on: ["embed_tokens"] })).toContain("names no linear layer")
  expect(refused({ rank: 12 })).toContain("rank 12 is no smaller than model.layers.0.self_attn.q_proj.weight [12, 12]")
  expect(tf.memory().numTensors).toBe(before)
  base.dispose()
})
