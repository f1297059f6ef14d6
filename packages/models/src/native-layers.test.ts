/** The layers as one chain of native kernels against the same kernels one by one: value and gradients bit by bit. */
import { describe, expect, test } from "bun:test"
import type { ModelUse } from "@winnow/core"
import { codegen } from "@winnow/model-codegen"
import { gemma3 } from "@winnow/model-gemma3"
import { gptNeox } from "@winnow/model-gpt-neox"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { phi3 } from "@winnow/model-phi3"
import { qwen2 } from "@winnow/model-qwen2"
import { qwen3 } from "@winnow/model-qwen3"
import { normals, seeded } from "@winnow/numerics"
import { engineMemory, gradients, native, type Precision, tf, withoutNative, withPrecision } from "@winnow/tensor"
import { Effect } from "effect"
import { initialise } from "./index.ts"

const size = {
  ...{ vocab_size: 19, hidden_size: 32, intermediate_size: 48, num_hidden_layers: 3 },
  ...{ num_attention_heads: 4, max_position_embeddings: 64 },
}
const families: ReadonlyArray<readonly [name: string, use: ModelUse, inChain?: false]> = [
  ["llama, two heads of keys", llama({ ...size, num_key_value_heads: 2 })],
  ["llama, tied", llama({ ...size, tie_word_embeddings: true })],
  ["gpt-neox, parallel", gptNeox({ ...size, use_parallel_residual: true })],
  ["gpt-neox, one after the other", gptNeox({ ...size, use_parallel_residual: false })],
  ["gpt2", gpt2({ vocab_size: 19, n_embd: 32, n_layer: 3, n_head: 4, n_positions: 64 })],
  ["qwen2 with a window", qwen2({ ...size, use_sliding_window: true, sliding_window: 3, max_window_layers: 1 })],
  ["qwen3, norms of heads", qwen3({ ...size, head_dim: 8, num_key_value_heads: 2 })],
  [
    "codegen, a bias of the head",
    codegen({ vocab_size: 19, n_embd: 32, n_layer: 3, n_head: 4, n_positions: 64, rotary_dim: 4 }),
  ],
  ["phi3, gate and up in one matrix", phi3(size)],
  ["gemma3, whose gate has no kernel", gemma3({ ...size, head_dim: 8, num_key_value_heads: 2 }), false],
]

const [B, T] = [3, 7]
const ids = Int32Array.from({ length: B * T }, (_, n) => (n * n * 7) % 19)
/** Two parts in each row, and a padding. */
const starts = Int32Array.from({ length: B * T }, (_, n) => [0, 0, 0, 3, 3, 3, 7][n % T]!)

/** Hidden states, and the gradients of their product with fixed numbers by the parameters. */
const numbersOf = (
  use: ModelUse,
  {
    once,
    precision = "float32",
    start,
    rows = B,
    frozen = () => false,
  }: {
    /** False: by the instructions one by one, as a pass that shows its layers runs. */
    readonly once: boolean
    readonly precision?: Precision
    readonly start?: Int32Array
    readonly rows?: number
    readonly frozen?: (name: string) => boolean
  },
) => {
  const model = initialise(Effect.runSync(use.instance), 5)
  const { architecture, parameters } = model
  for (const [name, variable] of parameters)
    if (variable.rank === 1)
      tf.tidy(() => variable.assign(tf.add(variable, tf.tensor1d(normals(variable.size, 0.1, seeded(5, name))))))
  const before = tf.memory().numTensors
  const names = [...parameters.keys()].filter((name) => name !== architecture.head || name === architecture.embedding)
  const trained = names.filter((name) => !frozen(name))
  let tensors = 0
  const numbers = withPrecision(precision, () =>
    tf.tidy(() => {
      const ids_BT = tf.tensor2d(ids.subarray(0, rows * T), [rows, T], "int32")
      const hidden = () =>
        once
          ? model.hidden(ids_BT, start)
          : architecture.hiddenByLayer!(
              { get: (name) => parameters.get(name), keys: () => parameters.keys() },
              ids_BT,
              start,
            ).at(-1)!
      const first = engineMemory().next
      const h = hidden()
      const made = engineMemory().next - first
      const d = model.architecture.streamSize!
      const cut = (h: tf.Tensor3D) => tf.slice(h, [0, 0, 0], [rows, T, d])
      const weights = tf.tensor(normals(rows * T * d, 1, seeded(6, "dy")), [rows, T, d])
      const taken = gradients(
        () => tf.sum(tf.mul(cut(hidden()), weights)) as tf.Scalar,
        trained.map((name) => parameters.get(name)!),
      )
      tensors = made
      return [cut(h), taken.value, ...taken.gradients.map((gradient) => gradient!)].map((x) => x.dataSync())
    }),
  )
  expect(tf.memory().numTensors).toBe(before)
  model.dispose()
  return { numbers, tensors }
}

const none = native() === undefined
if (none)
  console.warn("skipped: chains of native kernels, as there is no native library here (`winnow doctor` says why)")

describe.skipIf(none)("layers in one chain", () => {
  for (const [name, use, inChain = true] of families) {
    test(`${name}: hidden states and gradients are those of the kernels one by one, bit by bit`, () => {
      for (const precision of ["float32", "bfloat16"] as const) {
        const [chain, apart] = [numbersOf(use, { once: true, precision }), numbersOf(use, { once: false, precision })]
        expect(chain.numbers).toEqual(apart.numbers)
        expect(chain.numbers[0]!.some((x) => x !== 0)).toBe(true)
        // fewer tensors show that the layers were one op
        expect(chain.tensors < apart.tensors / 2).toBe(inChain)
      }
    })
    test(`${name}: the same of packed rows, of few rows, and of a trained part`, () => {
      const last = (layer: string) => !layer.includes("2")
      for (const of of [{ start: starts }, { rows: 1 }, { frozen: last }])
        expect(numbersOf(use, { once: true, ...of }).numbers).toEqual(numbersOf(use, { once: false, ...of }).numbers)
    })
  }

  test("the chain agrees with TensorFlow's ops", () => {
    const use = families[2]![1]
    const chain = numbersOf(use, { once: true })
    const plain = withoutNative(() => numbersOf(use, { once: true }))
    for (const [i, values] of plain.numbers.entries())
      for (const [j, value] of values.entries()) expect(Math.abs(chain.numbers[i]![j]! - value)).toBeLessThan(2e-4)
  })
})
