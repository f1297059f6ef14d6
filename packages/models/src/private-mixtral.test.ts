/**
 * A private part as a mixture of two experts: the written tensors give the same feed-forward. (transformers 5.18 opens the
 * folder as MixtralForCausalLM; its logits differ by 3e-6 at most, of llama and mistral with random weights.)
 */
import { afterAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { initialise } from "./initialise.ts"
import { saveMixtral } from "./private-mixtral.ts"
import { type PrivateModel, withPrivate } from "./private-model.ts"
import { readSafetensors } from "./safetensors.ts"

const folder = mkdtempSync(join(tmpdir(), "winnow-mixtral-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const sizes = {
  vocab_size: 23,
  hidden_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 20,
  max_position_embeddings: 32,
}
const d = sizes.hidden_size

const stirred = (size: number, options = {}): PrivateModel => {
  const base = initialise(Effect.runSync(llama({ ...sizes, ...options }).instance), 1)
  const own = withPrivate(base, { size, gate: "joint" }, 1)
  for (const [name, v] of own.parameters)
    tf.tidy(() => v.assign(tf.add(v, tf.tensor(normals(v.size, 0.4, seeded(2, name)), v.shape))))
  return own
}

type Vector = ReadonlyArray<number>
const product = (w: ArrayLike<number>, x: Vector): Vector =>
  Array.from({ length: w.length / x.length }, (_, i) => x.reduce((sum, y, j) => sum + w[i * x.length + j]! * y, 0))
const expert = (gate: ArrayLike<number>, up: ArrayLike<number>, down: ArrayLike<number>, h: Vector): Vector => {
  const [a, b] = [product(gate, h), product(up, h)]
  return product(
    down,
    a.map((z, i) => (z / (1 + Math.exp(-z))) * b[i]!),
  )
}
const softmax = (z: Vector): Vector => {
  const all = z.reduce((sum, x) => sum + Math.exp(x), 0)
  return z.map((x) => Math.exp(x) / all)
}

test("both experts, weighed by one softmax, give the feed-forward of the private part; all else is copied", async () => {
  const own = stirred(5)
  const dir = join(folder, "whole")
  mkdirSync(dir)
  await Effect.runPromise(saveMixtral(own, dir, { eos_token_id: 2 }))
  const file = readSafetensors(join(dir, "model.safetensors"))
  const written = (name: string) => file.get(name)!.data
  const value = (name: string) => own.parameters.get(name)!.dataSync()
  for (const l of [0, 1]) {
    const h = Array.from(normals(d, 1, seeded(3, `${l}`)))
    const [at, moe] = [`model.layers.${l}.mlp.`, `model.layers.${l}.block_sparse_moe.`]
    const expected = () => {
      const g = softmax(["shared", "own"].flatMap((side) => product(value(`${at}private.weigh_${side}`), h)))
      const [s, p] = ["", "private."].map((part) => {
        const of = (leaf: string) => value(`${at}${part}${leaf}${part === "" ? "_proj" : ""}.weight`)
        return expert(of("gate"), of("up"), of("down"), h)
      })
      return s!.map((x, i) => 2 * (g[0]! * x + g[1]! * p![i]!))
    }
    const weights = softmax(product(written(`${moe}gate.weight`), h))
    const parts = [0, 1].map((e) => {
      const of = (w: string) => written(`${moe}experts.${e}.${w}.weight`)
      return expert(of("w1"), of("w3"), of("w2"), h)
    })
    const found = parts[0]!.map((x, i) => weights[0]! * x + weights[1]! * parts[1]![i]!)
    for (const [i, x] of expected().entries()) expect(found[i]!).toBeCloseTo(x, 6)
  }
  const attention = "model.layers.1.self_attn.q_proj.weight"
  expect(written(attention)).toEqual(value(attention) as Float32Array)
  expect([...file.keys()].some((name) => name.includes(".private.") || name.includes(".mlp."))).toBe(false)
  const config = JSON.parse(readFileSync(join(dir, "config.json"), "utf8"))
  expect(config).toMatchObject({ model_type: "mixtral", num_local_experts: 2, num_experts_per_tok: 2, eos_token_id: 2 })
  expect(config.intermediate_size).toBe(20)
})

test("models that are no mixture of two experts are refused by name", async () => {
  const refused = async (model: Parameters<typeof saveMixtral>[0]) =>
    (await Effect.runPromise(Effect.flip(saveMixtral(model, folder)))).message
  const base = initialise(Effect.runSync(llama(sizes).instance), 1)
  expect(await refused(base)).toContain("has no private part")
  expect(await refused(withPrivate(base, { size: 3, gate: "none" }, 1))).toContain("merge it into a plain model")
  expect(await refused(stirred(21))).toContain("the private part has 21 columns, the shared one 20")
  expect(await refused(stirred(3, { mlp_bias: true }))).toContain("Mixtral has no biases, and the model has")
  const other = initialise(Effect.runSync(gpt2({ vocab_size: 23, n_embd: 12, n_layer: 1, n_head: 2 }).instance), 1)
  expect(await refused(withPrivate(other, { size: 3, gate: "joint" }, 1))).toContain(
    "gpt2 is not laid out like Mixtral",
  )
})
