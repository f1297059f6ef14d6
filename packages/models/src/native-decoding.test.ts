/** Native decoding against the plain path, and against itself: a row's bits depend on its own sequence alone. */
import { describe, expect, test } from "bun:test"
import type { Architecture, Decoder, Decoding } from "@winnow/core"
import { codegen } from "@winnow/model-codegen"
import { gemma2 } from "@winnow/model-gemma2"
import { gemma3 } from "@winnow/model-gemma3"
import { gptNeox } from "@winnow/model-gpt-neox"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { phi } from "@winnow/model-phi"
import { phi3 } from "@winnow/model-phi3"
import { qwen2 } from "@winnow/model-qwen2"
import { qwen3 } from "@winnow/model-qwen3"
import { normals, seeded } from "@winnow/numerics"
import { AdamW, native, nativeDecodingInUse, tf, withPrecision } from "@winnow/tensor"
import { Effect } from "effect"
import { plainDecoding } from "./decoding.ts"
import { initialise } from "./initialise.ts"

const V = 97
const shape = { vocab_size: V, hidden_size: 48, num_hidden_layers: 3, num_attention_heads: 4, intermediate_size: 72 }
const neox = { ...shape, rotary_pct: 0.4 }
const architectures: Readonly<Record<string, Effect.Effect<Architecture, unknown>>> = {
  "gpt_neox, parallel": gptNeox(neox).instance,
  "gpt_neox, sequential, half rotary, no biases, tied": gptNeox({
    ...neox,
    use_parallel_residual: false,
    rotary_pct: 0.5,
    attention_bias: false,
    tie_word_embeddings: true,
  }).instance,
  gpt2: gpt2({ vocab_size: V, n_embd: 48, n_layer: 3, n_head: 4, n_inner: 72 }).instance,
  "gpt2, scores by layer, exact GELU": gpt2({
    vocab_size: V,
    n_embd: 42,
    n_layer: 3,
    n_head: 6,
    n_inner: 37,
    activation_function: "gelu",
    scale_attn_by_inverse_layer_idx: true,
  }).instance,
  "codegen, a bias of the head": codegen({
    vocab_size: V,
    n_embd: 48,
    n_layer: 3,
    n_head: 4,
    n_inner: 37,
    rotary_dim: 6,
  }).instance,
  "phi, grouped, a bias of the head": phi({ ...shape, num_key_value_heads: 2 }).instance,
  "phi3, gate and up in one matrix, of odd sizes": phi3({
    ...shape,
    hidden_size: 42,
    num_attention_heads: 6,
    num_key_value_heads: 2,
    head_dim: 10,
    intermediate_size: 37,
    max_position_embeddings: 2048,
  }).instance,
  llama: llama(shape).instance,
  "llama, grouped, biases, odd sizes": llama({
    ...shape,
    hidden_size: 42,
    num_attention_heads: 6,
    num_key_value_heads: 2,
    head_dim: 10,
    intermediate_size: 37,
    attention_bias: true,
    mlp_bias: true,
  }).instance,
  "qwen2, windows of 70 positions in two layers": qwen2({
    ...shape,
    num_key_value_heads: 2,
    max_position_embeddings: 2048,
    use_sliding_window: true,
    sliding_window: 70,
    max_window_layers: 1,
  }).instance,
  "gemma2, caps of scores and logits, a window of 70 positions in two layers": gemma2({
    ...shape,
    num_key_value_heads: 2,
    max_position_embeddings: 2048,
    query_pre_attn_scalar: 16,
    sliding_window: 70,
    attn_logit_softcapping: 0.5,
    final_logit_softcapping: 6,
  }).instance,
  "gemma3, a window of 70 positions in two layers": gemma3({
    ...shape,
    num_key_value_heads: 2,
    max_position_embeddings: 2048,
    query_pre_attn_scalar: 16,
    sliding_window: 70,
    sliding_window_pattern: 2,
  }).instance,
  "qwen3, norms of heads": qwen3({ ...shape, num_key_value_heads: 2, max_position_embeddings: 2048 }).instance,
}

const randomModel = (architecture: Architecture): Decoder => {
  const model = initialise(architecture, 1)
  for (const [name, value] of model.parameters)
    tf.tidy(() => value.assign(tf.add(value, tf.tensor(normals(value.size, 0.2, seeded(2, name)), value.shape))))
  return model
}

const ids = (n: number, seed: number): Int32Array => {
  const rng = seeded(seed, "ids")
  return Int32Array.from({ length: n }, () => rng.below(V))
}

const extend = (state: Decoding, ids_BT: Int32Array, B: number): Float32Array =>
  tf.tidy(() => state.extend(tf.tensor2d(ids_BT, [B, ids_BT.length / B], "int32")).dataSync() as Float32Array)

/** Largest difference over the largest entry, of the rows that are not padding. */
const difference = (a: Float32Array, b: Float32Array, skip: (row: number) => boolean, d: number): number => {
  let [worst, largest] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    if (skip(Math.floor(i / d))) continue
    worst = Math.max(worst, Math.abs(a[i]! - b[i]!))
    largest = Math.max(largest, Math.abs(b[i]!))
  }
  return worst / largest
}

describe.skipIf(native() === undefined)("native decoding", () => {
  for (const [name, instance] of Object.entries(architectures))
    describe(name, () => {
      const architecture = Effect.runSync(instance)
      const d = architecture.hiddenSize
      const withModel = (use: (model: Decoder) => void) => () => {
        const [before, inUse] = [tf.memory().numTensors, nativeDecodingInUse()]
        const model = randomModel(architecture)
        try {
          use(model)
        } finally {
          model.dispose()
        }
        expect(tf.memory().numTensors).toBe(before)
        expect(nativeDecodingInUse()).toEqual(inUse)
      }

      test(
        "is the plain path within 1e-5: long prompts, padding, blocks, roll-backs",
        withModel((model) => {
          const [B, T] = [3, 300] // beyond the rows that scratch memory holds: read in pieces
          const pad_B = Int32Array.of(0, 7, 299)
          const states = [model.decoding(pad_B), plainDecoding(architecture, model.parameters, pad_B)] as const
          expect(states[0].quick).toBeDefined()
          expect(states[1].quick).toBeUndefined()
          const both = (block: Int32Array, from: number) => {
            const size = block.length / B
            const [a, b] = states.map((state) => extend(state, block, B)) as [Float32Array, Float32Array]
            const padding = (row: number) => from + (row % size) < pad_B[Math.floor(row / size)]!
            expect(difference(a, b, padding, d)).toBeLessThan(1e-5)
          }
          both(ids(B * T, 1), 0)
          let length = T
          for (const [size, kept] of [
            [5, 2],
            [1, 1],
            [17, 0],
            [1, 1],
            [3, 3],
            [9, 8],
          ] as const) {
            both(ids(B * size, 10 + size), length)
            length += kept
            for (const state of states) {
              state.rollback(length)
              expect(state.length).toBe(length)
            }
          }
          for (const state of states) state.dispose()
        }),
      )

      test(
        "a text's rows have the same bits for any cuts and any neighbours",
        withModel((model) => {
          const text = ids(150, 3)
          const whole = model.decoding()
          const expected = extend(whole, text, 1)
          whole.dispose()
          for (const cuts of [Array.from({ length: 150 }, () => 1), [5, 1, 16, 17, 111], [149, 1]]) {
            const state = model.decoding()
            let at = 0
            for (const size of cuts) {
              extend(state, ids(4, at), 1)
              state.rollback(at)
              expect(extend(state, text.subarray(at, at + size), 1)).toEqual(expected.subarray(at * d, (at + size) * d))
              at += size
            }
            state.dispose()
          }
          const pads = [0, 31, 77]
          const state = model.decoding(Int32Array.from(pads))
          const padded = Int32Array.from(pads.flatMap((pad) => [...ids(pad, 5), ...text.subarray(0, 150 - pad)]))
          const found = extend(state, padded, 3)
          for (const [b, pad] of pads.entries())
            expect(found.subarray((b * 150 + pad) * d, (b + 1) * 150 * d)).toEqual(
              expected.subarray(0, (150 - pad) * d),
            )
          state.dispose()
        }),
      )

      test(
        "in bfloat16: near float32, the same bits however cut; weights are those of now",
        withModel((model) => {
          const text = ids(40, 3)
          const start = () => withPrecision("bfloat16", () => model.decoding())
          const run = (state: Decoding, block: Int32Array) => {
            const h = extend(state, block, 1)
            state.rollback(0)
            return h
          }
          const [exact, half, other] = [model.decoding(), start(), start()]
          const check = () => {
            const found = run(half, text)
            const error = difference(found, run(exact, text), () => false, d)
            expect(error).toBeLessThan(0.05)
            expect(error).toBeGreaterThan(1e-4)
            for (let at = 0; at < 40; at += 5)
              expect(extend(other, text.subarray(at, at + 5), 1)).toEqual(found.subarray(at * d, (at + 5) * d))
            other.rollback(0)
            return found
          }
          const before = check()
          for (const value of model.parameters.values()) tf.tidy(() => value.assign(tf.mul(value, 0.9)))
          expect(check()).not.toEqual(before)
          for (const state of [exact, half, other]) state.dispose()
        }),
      )

      test(
        "choices are those of logits and hidden states; weights are the present ones; errors do not change the state",
        withModel((model) => {
          const state = model.decoding()
          const { quick } = state
          const [B, T, rows] = [2, 6, 3]
          const block = ids(B * T, 8)
          const check = () => {
            const h = extend(state, block, B)
            state.rollback(0)
            const logits = quick!.logits(block, B, rows)
            const values = Array.from({ length: B * rows }, (_, r) => logits.row(r))
            const softmax = logits.softmax(1, 0.7)!
            const { rows: best, p } = logits.likeliest!(0.7, 4)
            for (const [i, row] of values.entries())
              expect([...Array.from(best).slice(4 * i, 4 * i + 4)]).toEqual(
                [...row.keys()].sort((a, b) => row[b]! - row[a]! || a - b).slice(0, 4),
              )
            for (let i = 4; i < 8; i++) expect(Math.abs(p[i]! / softmax[best[i]!]! - 1)).toBeLessThan(1e-5)
            state.rollback(0)
            const head_Vd = model.head_Vd.dataSync()
            const { argmax, margin } = quick!.greedy(block, B, rows, true)
            for (const [r, row] of values.entries()) {
              const from = (Math.floor(r / rows) * T + T - rows + (r % rows)) * d
              for (let v = 0; v < V; v += 13) {
                let dot = 0
                for (let i = 0; i < d; i++) dot += h[from + i]! * head_Vd[v * d + i]!
                const cap = architecture.logitCap
                const logit = cap === undefined ? dot : cap * Math.tanh(dot / cap)
                expect(Math.abs(row[v]! - logit)).toBeLessThan(1e-4)
              }
              const sorted = row.toSorted()
              expect(argmax[r]).toBe(row.indexOf(sorted[V - 1]!))
              expect(margin[r]).toBe(Math.fround(sorted[V - 1]! - sorted[V - 2]!))
            }
            const top = Math.max(...values[1]!)
            const exps = Array.from(values[1]!, (x) => Math.exp((x - top) / 0.7))
            const sum = exps.reduce((a, b) => a + b)
            for (const [v, e] of exps.entries()) expect(softmax[v]).toBeCloseTo(e / sum, 12)
            state.rollback(0)
            return argmax
          }
          const before = check()
          for (const value of model.parameters.values())
            tf.tidy(() => value.assign(tf.add(value, tf.tensor(normals(value.size, 0.3, seeded(9, "x")), value.shape))))
          expect(check()).not.toEqual(before)
          extend(state, block, B)
          for (const wrong of [V, -1])
            expect(() => extend(state, Int32Array.of(0, wrong), B)).toThrow(`token id ${wrong} is not in [0, ${V})`)
          expect(() => extend(state, ids(1, 1), 1)).toThrow("1 sequences were given, this decoding state is of 2")
          expect(() => extend(state, ids(2 * 3000, 1), 2)).toThrow(
            `max_position_embeddings = ${architecture.maxLength}`,
          )
          expect(() => state.rollback(T + 1)).toThrow("the cache holds 6 positions")
          expect(state.length).toBe(T)
          state.dispose()
          expect(() => extend(state, block, B)).toThrow("disposed")
        }),
      )
    })

  test("the screen of a large head: computed once and after changes of the weights, freed with the model; choices stay exact", () => {
    const before = nativeDecodingInUse()
    const misses = () => native()!.C.winnow_screen_misses()
    const missed = misses()
    const size = 5000
    const architecture = Effect.runSync(
      gptNeox({ ...neox, vocab_size: size, num_hidden_layers: 1, tie_word_embeddings: true }).instance,
    )
    const model = randomModel(architecture)
    const state = model.decoding()
    const check = () => {
      const block = Int32Array.from(ids(9, 4))
      const { argmax, margin } = state.quick!.greedy(block, 1, 9, true)
      state.rollback(0)
      const logits = state.quick!.logits(block, 1, 9)
      for (let r = 0; r < 9; r++) {
        const row = logits.row(r)
        const sorted = row.toSorted()
        expect(argmax[r]).toBe(row.indexOf(sorted[size - 1]!))
        expect(margin[r]).toBe(Math.fround(sorted[size - 1]! - sorted[size - 2]!))
      }
      state.rollback(0)
    }
    check()
    const held = nativeDecodingInUse()
    expect(held.count).toBe(before.count + 2)
    check()
    tf.tidy(() => model.head_Vd.assign(tf.mul(model.head_Vd, -3)))
    check()
    // an optimizer writes into the memory of the weights
    const optimizer = new AdamW(model.parameters, { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0 })
    tf.tidy(() => optimizer.apply({ "gpt_neox.embed_in.weight": tf.randomNormal([size, 48], 0, 1, "float32", 1) }, 0.5))
    check()
    optimizer.dispose()
    expect(nativeDecodingInUse().count).toBe(held.count)
    state.dispose()
    expect(nativeDecodingInUse().count).toBe(before.count + 1)
    const orphan = model.decoding()
    model.dispose()
    expect(() => extend(orphan, ids(3, 1), 1)).toThrow("a model that is disposed")
    orphan.dispose()
    expect(nativeDecodingInUse()).toEqual(before)
    expect(misses()).toBe(missed) // the screen decided every row
  })
})
