/**
 * A private part changes nothing at first, has the gradients of its formula in every variable, and decodes natively as
 * it is trained.
 */
import { afterAll, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Architecture, Decoder } from "@winnow/core"
import { codegen } from "@winnow/model-codegen"
import { gemma3 } from "@winnow/model-gemma3"
import { gptNeox } from "@winnow/model-gpt-neox"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { modernbert } from "@winnow/model-modernbert"
import { phi } from "@winnow/model-phi"
import { phi3 } from "@winnow/model-phi3"
import { qwen3 } from "@winnow/model-qwen3"
import { normals, seeded } from "@winnow/numerics"
import { gradients, native, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { plainDecoding } from "./decoding.ts"
import { families, loadDecoder } from "./families.fixture.ts"
import { saveModel } from "./files.ts"
import { initialise } from "./initialise.ts"
import { modelOfLayers } from "./layers.ts"
import { parameterCount } from "./parameters.ts"
import { furthest, gates, input, llamaSizes, logits, of, shared, sizes, stir, tokens, V } from "./private.fixture.ts"
import { mergePrivate, type PrivateModel, privateNames, withPrivate } from "./private-model.ts"
import { privateArchitecture } from "./private-part.ts"
import { trainedPart } from "./trained-part.ts"
import { modelOfWidths } from "./widths.ts"

const gpt = { vocab_size: V, n_embd: 12, n_layer: 2, n_head: 2, n_inner: 20, n_positions: 32, initializer_range: 0.3 }
const gpt2Sizes = of(gpt2(gpt).instance)
const decoders: ReadonlyArray<readonly [string, Architecture]> = [
  ["llama", llamaSizes],
  ["llama, biases", of(llama({ ...sizes, mlp_bias: true }).instance)],
  ["gpt-neox, parallel", of(gptNeox(sizes).instance)],
  ["gpt2", gpt2Sizes],
  ["codegen", of(codegen({ ...gpt, n_embd: 16, n_head: 4, rotary_dim: 2 }).instance)],
  ["phi", of(phi({ ...sizes, hidden_size: 16 }).instance)],
  ["phi3, one matrix of gate and up", of(phi3({ ...sizes, max_position_embeddings: 2048 }).instance)],
  ["gemma3, norms of outputs", of(gemma3({ ...sizes, max_position_embeddings: 64, sliding_window: 8 }).instance)],
  ["qwen3", of(qwen3({ ...sizes, max_position_embeddings: 64 }).instance)],
]

const folder = mkdtempSync(join(tmpdir(), "winnow-private-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(effect)

describe.each(decoders)("%s", (name, architecture) => {
  test("a fresh private part leaves every bit; its draws are those of its seed", () => {
    for (const form of gates) {
      const before = tf.memory().numTensors
      const base = shared(architecture)
      const expected = logits(base)
      const own = withPrivate(base, form, 5)
      expect(logits(own)).toEqual(expected)
      for (const [name, variable] of base.parameters) expect(own.parameters.get(name)).toBe(variable)
      const [again, other] = [withPrivate(base, form, 5), withPrivate(base, form, 6)]
      const up = privateNames(own.architecture).find((one) => one.endsWith("up.weight"))!
      const draws = [own, again, other].map(({ trained }) => trained.get(up)!.dataSync())
      expect(draws[1]).toEqual(draws[0]!)
      expect(draws[2]).not.toEqual(draws[0])
      for (const made of [own, again, other]) made.release()
      base.dispose()
      expect(tf.memory().numTensors).toBe(before)
    }
  })

  test("decoding with a cache gives the logits of a pass, natively and in tensors, after a roll-back too", () => {
    for (const form of gates) {
      const base = shared(architecture)
      const own = withPrivate(base, form, 5)
      stir(own, 7)
      const h = tf.tidy(() => own.hidden(input()).dataSync().slice())
      const states = [plainDecoding(own.architecture, own.parameters), ...(native() ? [own.decoding()] : [])]
      for (const state of states) {
        const read = (from: number, to: number) =>
          tf.tidy(() => {
            const part = tf.slice2d(input(), [0, from], [2, to - from]) as tf.Tensor2D
            return state.extend(part).dataSync().slice()
          })
        const rows = (from: number, to: number) => {
          const d = own.architecture.hiddenSize
          return [0, 1].flatMap((b) => Array.from(h.slice((b * 7 + from) * d, (b * 7 + to) * d)))
        }
        expect(furthest(read(0, 4), rows(0, 4))).toBeLessThan(2e-5)
        expect(furthest(read(4, 7), rows(4, 7))).toBeLessThan(2e-5)
        state.rollback(5)
        expect(furthest(read(5, 7), rows(5, 7))).toBeLessThan(2e-5)
        state.dispose()
      }
      own.release()
      base.dispose()
    }
  })

  test("saved whole it opens as itself; without a gate it merges into a plain model of the same function", async () => {
    for (const form of gates) {
      const base = shared(architecture)
      const own = withPrivate(base, form, 5)
      stir(own, 8)
      const expected = logits(own)
      const dir = join(folder, `${name}-${form.gate}`)
      await run(saveModel(own, dir))
      const again = await run(loadDecoder(dir))
      expect(furthest(logits(again), expected)).toBeLessThan(1e-5)
      again.dispose()
      if (form.gate === "joint") expect(() => mergePrivate(own)).toThrow("weighs both feed-forwards anew")
      else {
        const merged = mergePrivate(own)
        expect(merged.architecture.config).not.toHaveProperty("private_feed_forward")
        expect(furthest(logits(merged), expected)).toBeLessThan(2e-5)
        merged.dispose()
      }
      own.release()
      base.dispose()
    }
  })
})

test("an encoder takes a private part as well", () => {
  const architecture = of(
    modernbert({ vocab_size: V, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 20 })
      .instance,
  )
  const base = initialise(architecture, 1)
  const own = withPrivate(base, gates[0]!, 1)
  expect(logits(own)).toEqual(logits(base))
  stir(own, 2)
  expect(furthest(logits(own), logits(base))).toBeGreaterThan(1e-3)
  own.release()
  base.dispose()
})

describe("against a plain form in double precision", () => {
  const sum = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((s, x, i) => s + x * b[i]!, 0)
  const erf = (x: number) => {
    // The series of Maclaurin, enough for the small inputs here.
    let [term, total] = [x, x]
    for (let n = 1; n < 60; n++) {
      term *= (-x * x) / n
      total += term / (2 * n + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * total
  }
  const acts = {
    silu: (x: number) => x / (1 + Math.exp(-x)),
    tanh: (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    gelu: (x: number) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  }

  test.each([
    ["llama", of(llama({ ...sizes, num_hidden_layers: 1 }).instance), "model.layers.0.mlp"],
    ["gpt2", of(gpt2({ ...gpt, n_layer: 1 }).instance), "transformer.h.0.mlp"],
  ] as const)("the feed-forward of %s is 2 (g_s E_s + g_p E_p), the gates one softmax", (family, architecture, at) => {
    for (const { size, gate } of gates) {
      const base = shared(architecture)
      // Without the attention's output the layer is its feed-forward alone.
      for (const [name, value] of base.parameters)
        if (/o_proj|attn\.c_proj/.test(name)) tf.tidy(() => value.assign(tf.zerosLike(value)))
      const own = withPrivate(base, { size, gate }, 5)
      stir(own, 3)
      const p = (name: string) => {
        const variable = own.parameters.get(name)!
        const values = variable.dataSync()
        const [rows, columns = 1] = variable.shape as [number, number?]
        return Array.from({ length: rows }, (_, i) => Array.from(values.slice(i * columns, (i + 1) * columns)))
      }
      const v = (name: string) => Array.from(own.parameters.get(name)!.dataSync())
      const isLlama = family === "llama"
      const norm = (x: ReadonlyArray<number>, name: string) => {
        const mean = isLlama ? 0 : x.reduce((a, b) => a + b, 0) / x.length
        const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length
        const shift = isLlama ? x.map(() => 0) : v(`${name}.bias`)
        const eps = isLlama ? 1e-6 : 1e-5
        const scale = v(`${name}.weight`)
        return x.map((y, i) => ((y - mean) / Math.sqrt(variance + eps)) * scale[i]! + shift[i]!)
      }
      const feed = (h: ReadonlyArray<number>) => {
        const wide = (up: string, gated: string | undefined, bias?: string) => {
          const b = bias ? v(bias) : undefined
          return p(up).map((row, i) => {
            const x = sum(row, h) + (b?.[i] ?? 0)
            return gated ? acts.silu(sum(p(gated)[i]!, h)) * x : acts.tanh(x)
          })
        }
        const s = isLlama
          ? wide(`${at}.up_proj.weight`, `${at}.gate_proj.weight`)
          : wide(`${at}.c_fc.weight`, undefined, `${at}.c_fc.bias`)
        const q = wide(`${at}.private.up.weight`, isLlama ? `${at}.private.gate.weight` : undefined)
        const down = p(isLlama ? `${at}.down_proj.weight` : `${at}.c_proj.weight`)
        const [z_s, z_p] =
          gate === "joint" ? [sum(v(`${at}.private.weigh_shared`), h), sum(v(`${at}.private.weigh_own`), h)] : [0, 0]
        const all = Math.exp(z_s) + Math.exp(z_p)
        const [g_s, g_p] = [(2 * Math.exp(z_s)) / all, (2 * Math.exp(z_p)) / all]
        const bias = isLlama ? undefined : v(`${at}.c_proj.bias`)
        return down.map(
          (row, i) => g_s * sum(row, s) + g_p * sum(p(`${at}.private.down.weight`)[i]!, q) + (bias?.[i] ?? 0),
        )
      }
      const names = isLlama
        ? { embed: "model.embed_tokens.weight", norm: "model.layers.0.post_attention_layernorm", last: "model.norm" }
        : { embed: "transformer.wte.weight", norm: "transformer.h.0.ln_2", last: "transformer.ln_f" }
      // The attention's output of GPT-2 has a bias.
      const attended = isLlama ? undefined : v("transformer.h.0.attn.c_proj.bias")
      const positions = isLlama ? undefined : p("transformer.wpe.weight")
      const expected = tokens.flatMap((row) =>
        row.flatMap((id, t) => {
          const x = p(names.embed)[id]!.map(
            (y, i) => y + (positions === undefined ? 0 : positions[t]![i]!) + (attended?.[i] ?? 0),
          )
          const y = feed(norm(x, names.norm))
          return norm(
            x.map((a, i) => a + y[i]!),
            names.last,
          )
        }),
      )
      const h = tf.tidy(() => own.hidden(input()).dataSync().slice())
      expect(furthest(h, expected)).toBeLessThan(2e-5)
      own.release()
      base.dispose()
    }
  })
})

describe("gradients", () => {
  const gradientsOf = (own: PrivateModel, weights: tf.Tensor) => {
    const byName = new Map<string, ArrayLike<number>>()
    tf.tidy(() => {
      const loss = () => tf.sum(tf.mul(own.hidden(input()), weights)) as tf.Scalar
      const { gradients: all } = gradients(loss, [...own.trained.values()])
      for (const [i, name] of [...own.trained.keys()].entries()) byName.set(name, all[i]!.dataSync().slice())
    })
    return byName
  }
  const norm = (x: ArrayLike<number>) => Math.sqrt(Array.from(x).reduce((s, y) => s + y * y, 0))

  test.each([
    ["llama", llamaSizes],
    ["gpt2", gpt2Sizes],
  ] as const)(
    "of %s: both gate vectors and the output have one before any step, and all agree with differences",
    (_, architecture) => {
      const base = shared(architecture)
      const own = withPrivate(base, gates[0]!, 5)
      const weights = tf.tensor(normals(14 * 12, 1, seeded(4, "loss")), [2, 7, 12])
      const first = gradientsOf(own, weights)
      for (const [name, gradient] of first) {
        if (/weigh_|down/.test(name)) expect(norm(gradient), name).toBeGreaterThan(1e-3)
        else expect(norm(gradient), name).toBe(0) // the output is 0 until it has had a step
      }
      stir(own, 9)
      const byName = gradientsOf(own, weights)
      const loss = () => tf.tidy(() => tf.sum(tf.mul(own.hidden(input()), weights)).dataSync()[0]!)
      const rng = seeded(2, "places")
      for (const [name, variable] of own.trained) {
        const values = variable.dataSync().slice()
        const gradient = byName.get(name)!
        expect(norm(gradient), name).toBeGreaterThan(1e-3)
        const largest = Array.from(gradient).reduce((m, x) => Math.max(m, Math.abs(x)), 0)
        for (let k = 0; k < 3; k++) {
          const at = rng.below(variable.size)
          const [above, below] = [5e-3, -5e-3].map((h) => {
            const changed = values.slice()
            changed[at]! += h
            tf.tidy(() => variable.assign(tf.tensor(changed, variable.shape)))
            return loss()
          })
          expect(Math.abs((above! - below!) / 1e-2 - gradient[at]!), `${name}[${at}]`).toBeLessThan(
            0.02 * largest + 2e-3,
          )
        }
        tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)))
      }
      weights.dispose()
      own.release()
      base.dispose()
    },
  )

  test("the released code's gate, a softmax over a group of one, is constant 1 and has no gradient", () => {
    tf.tidy(() => {
      const h_Nd = tf.tensor2d(normals(6 * 4, 1, seeded(1, "h")), [6, 4])
      const [E_s, E_p] = [2, 3].map((seed) => tf.tensor2d(normals(6 * 4, 1, seeded(seed, "e")), [6, 4]))
      const w = [4, 5].map((seed) => tf.variable(tf.tensor2d(normals(4, 1, seeded(seed, "w")), [4, 1])))
      const target = tf.tensor2d(normals(6 * 4, 1, seeded(6, "t")), [6, 4])
      const output = (joint: boolean) => {
        const z = w.map((one) => tf.matMul(h_Nd, one))
        const [g_s, g_p] = joint
          ? (tf.split(tf.softmax(tf.concat(z, 1)), 2, 1) as Array<tf.Tensor>)
          : z.map((one) => tf.softmax(one)) // each over a group of one
        return tf.add(tf.mul(g_s!, E_s!), tf.mul(g_p!, E_p!))
      }
      const byGate = (joint: boolean) => {
        const loss = () => tf.sum(tf.square(tf.sub(output(joint), target))) as tf.Scalar
        return gradients(loss, w).gradients.map((one) => norm(one!.dataSync()))
      }
      expect(furthest(output(false).dataSync(), tf.add(E_s!, E_p!).dataSync())).toBe(0)
      expect(byGate(false)).toEqual([0, 0])
      for (const size of byGate(true)) expect(size).toBeGreaterThan(1e-2)
    })
  })
})

test("the trained part is the private one; a model that has it is trained further, one with another is refused", () => {
  const private_ = { kind: "private", size: 5, gate: "joint" } as const
  const part = trainedPart(llamaSizes, { adapters: private_ })
  expect(part.count).toBe(2 * (3 * 5 * 12 + 2 * 12))
  const whole = privateArchitecture(llamaSizes, private_)
  expect(parameterCount(whole) - parameterCount(llamaSizes)).toBe(part.count)
  expect(trainedPart(whole, { adapters: private_ })).toEqual(part)
  expect(() => trainedPart(whole, { adapters: { ...private_, size: 6 } })).toThrow("has one of size 5 and gate joint")
  const base = initialise(llamaSizes, 1)
  const own = withPrivate(base, private_, 1)
  const again = withPrivate(own as Decoder, private_, 2)
  for (const [name, variable] of own.trained) expect(again.trained.get(name)).toBe(variable)
  expect(() => modelOfWidths(own, { intermediate_size: 24 }, "largest", 1)).toThrow("it has a private part")
  const first = modelOfLayers(own, [1])
  expect(first.parameters.has("model.layers.0.mlp.private.up.weight")).toBe(true)
  first.dispose()
  own.release()
  base.dispose()
})

test("every family with a key for the feed-forward takes a private part", () => {
  expect(families.map(({ fields }) => fields.has("private_feed_forward")).every(Boolean)).toBe(true)
})
