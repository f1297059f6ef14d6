/** Models of every family: packed sequences with their gradients, copies, repeated steps, sizes. */
import { expect, test } from "bun:test"
import type { Architecture, Decoder } from "@winnow/core"
import { gptNeox } from "@winnow/model-gpt-neox"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { gradients, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { initialise } from "./initialise.ts"
import { copyModel } from "./model.ts"

const sizes = {
  vocab_size: 23,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 24,
  initializer_range: 0.3,
}

const make = (use: { readonly instance: Effect.Effect<Architecture, unknown> }): Architecture =>
  Effect.runSync(Effect.orDie(use.instance))

const forms = {
  "gpt_neox, half of a head rotated": gptNeox({ ...sizes, rotary_pct: 0.5 }),
  "gpt_neox, sequential residual, tied, no attention bias": gptNeox({
    ...sizes,
    rotary_pct: 1,
    use_parallel_residual: false,
    tie_word_embeddings: true,
    attention_bias: false,
  }),
  gpt2: gpt2({ vocab_size: 23, n_embd: 16, n_layer: 2, n_head: 4, n_positions: 24, initializer_range: 0.3 }),
  llama: llama(sizes),
  "llama, grouped, wide heads, biases, tied": llama({
    ...sizes,
    num_key_value_heads: 2,
    head_dim: 6,
    attention_bias: true,
    mlp_bias: true,
    tie_word_embeddings: true,
  }),
}

const tokens = (n: number) => Int32Array.from({ length: n }, (_, i) => (i * 7 + 3) % 23)

for (const [name, use] of Object.entries(forms))
  test(`${name}: sequences packed into one row give the hidden states and gradients that each gives alone`, () => {
    const model = initialise(make(use), 1)
    const parts = [9, 1, 6]
    const ids = parts.map(tokens)
    const T = 18 // Two tokens of padding.
    const packed = new Int32Array(T)
    const start = Int32Array.from({ length: T }, (_, t) => t + 1)
    let from = 0
    for (const part of ids) {
      packed.set(part, from)
      start.fill(from, from, from + part.length)
      from += part.length
    }
    const run = (h: () => tf.Tensor2D) => {
      const names = [...model.parameters.keys()].filter((name) => name !== model.architecture.head)
      const { value, gradients: found } = gradients(
        () => tf.sum(tf.square(h())) as tf.Scalar,
        names.map((name) => model.parameters.get(name)!),
      )
      return [value, ...found] as ReadonlyArray<tf.Tensor | undefined>
    }
    const rows = (h: tf.Tensor) => tf.reshape(h, [-1, sizes.hidden_size]) as tf.Tensor2D
    tf.tidy(() => {
      const together = run(() =>
        tf.slice2d(rows(model.hidden(tf.tensor2d(packed, [1, T], "int32"), start)), [0, 0], [from, 16]),
      )
      const alone = run(() =>
        tf.concat2d(
          ids.map((part) => rows(model.hidden(tf.tensor2d(part, [1, part.length], "int32")))),
          0,
        ),
      )
      for (const [i, x] of together.entries()) {
        const y = alone[i]
        if (x === undefined || y === undefined) {
          expect(x).toBe(y)
          continue
        }
        const largest = Math.max(1, tf.max(tf.abs(y)).dataSync()[0]!)
        expect(tf.max(tf.abs(tf.sub(x, y))).dataSync()[0]! / largest).toBeLessThan(2e-5)
      }
    })
    const { hidden } = model.architecture
    const both = () => hidden(model.parameters, tf.zeros([1, T], "int32"), { layers: [], length: 0 }, start)
    expect(() => tf.tidy(both)).toThrow("packed sequences have no cache")
    model.dispose()
  })

test("a copy has the same values and variables of its own", () => {
  const before = tf.memory().numTensors
  const model = initialise(make(forms.llama), 1)
  const copy = copyModel(model)
  const norm = (m: Decoder) => m.parameters.get("model.norm.weight")!
  expect(copy.head_Vd.dataSync()).toEqual(model.head_Vd.dataSync())
  tf.tidy(() => norm(copy).assign(tf.zeros([16])))
  expect(norm(model).dataSync()[0]).toBe(1)
  model.dispose()
  expect(copy.head_Vd.dataSync().every(Number.isFinite)).toBe(true)
  copy.dispose()
  expect(tf.memory().numTensors).toBe(before)
})

test("a repeated step takes the weights of its model, those of now, and leaks nothing", () => {
  const architecture = make(forms["llama, grouped, wide heads, biases, tied"])
  const models = [initialise(architecture, 1), initialise(architecture, 2)]
  const row = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3]
  const before = tf.memory().numTensors
  const differences = models.map((model) => {
    const decoding = model.decoding()
    const step = (t: number) => decoding.extend(tf.tensor2d([[row[t]!]], undefined, "int32"))
    return tf.tidy(() => {
      for (const t of row.keys()) {
        // The weights change half-way: cached values belong to the old ones, so decoding starts again.
        if (t === 12) {
          const bias = model.parameters.get("model.layers.0.mlp.down_proj.bias")!
          bias.assign(tf.ones(bias.shape))
          decoding.rollback(0)
          for (let s = 0; s < t; s++) step(s)
        }
        const h = step(t)
        const whole = model.hidden(tf.tensor2d([row.slice(0, t + 1)], undefined, "int32"))
        const last = tf.slice(whole, [0, t, 0], [1, 1, 16])
        if (t === row.length - 1) {
          decoding.dispose()
          return tf.max(tf.abs(tf.sub(h, last))).dataSync()[0]!
        }
        expect(tf.max(tf.abs(tf.sub(h, last))).dataSync()[0]!).toBeLessThan(1e-5)
      }
      return Number.POSITIVE_INFINITY
    })
  })
  for (const difference of differences) expect(difference).toBeLessThan(1e-5)
  expect(tf.memory().numTensors).toBe(before)
  for (const model of models) model.dispose()
})

test("fresh parameters have the spread of initializer_range; adding a layer changes no other parameter", () => {
  const small = initialise(make(gptNeox({ ...sizes, hidden_size: 64, initializer_range: 0.02 })), 7)
  const large = initialise(
    make(gptNeox({ ...sizes, hidden_size: 64, initializer_range: 0.02, num_hidden_layers: 3 })),
    7,
  )
  const values = small.parameters.get("gpt_neox.layers.0.mlp.dense_h_to_4h.weight")!.dataSync() as Float32Array
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length)
  // With 16384 draws the standard errors are 1.6e-4 and 1.1e-4.
  expect(Math.abs(mean)).toBeLessThan(6e-4)
  expect(Math.abs(std - 0.02)).toBeLessThan(4.4e-4)
  for (const [name, variable] of small.parameters)
    expect(large.parameters.get(name)!.dataSync()).toEqual(variable.dataSync())
  small.dispose()
  large.dispose()
})
