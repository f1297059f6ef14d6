/**
 * AdamW over the parameters of a 6-layer GPT-NeoX, d = 256: fused and in place, beside the same update as elementwise
 * ops.
 *
 * Gradients exist before; computing and clipping them is excluded.
 */
import type { ParameterSpec } from "@winnow/core"
import { gptNeox } from "@winnow/model-gpt-neox"
import { AdamW, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { type ComposedSlot, composedAdamW } from "../composed-adamw.ts"
import type { Setup, Suite, Work } from "../suite.ts"

const options = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 }
const learningRate = 1e-4

const sizesOf = (vocab_size: number) => ({
  vocab_size,
  hidden_size: 256,
  num_hidden_layers: 6,
  num_attention_heads: 8,
  intermediate_size: 1024,
})

/** Number of parameters: two matrices [V, d], and in each layer 12 d^2 weights and 13 d biases and norms. */
export const parametersOf = (V: number): number => 2 * V * 256 + 6 * (12 * 256 ** 2 + 13 * 256) + 2 * 256

/** Names and shapes of the parameters, with vocabulary V. */
export const specsOf = async (V: number): Promise<ReadonlyMap<string, ParameterSpec>> =>
  (await Effect.runPromise(gptNeox(sizesOf(V)).instance)).parameters

/** Work in 4-byte numbers: parameter, gradient and both moments read, all but the gradient written. */
const workOf = (V: number): { readonly work: Work; readonly alsoWork: Work } => ({
  work: { amount: parametersOf(V), unit: "parameters/s" },
  alsoWork: { amount: parametersOf(V) * 7 * 4, unit: "GB/s" },
})

/** A variable that owns its only tensor. */
const filled = ({ shape }: ParameterSpec, value: number) => tf.tidy(() => tf.variable(tf.fill([...shape], value)))

/** A read of the result ends the call: a GPU has only begun when an op returns. */
const readBack = (x: tf.Tensor) => tf.tidy(() => tf.slice(tf.reshape(x, [-1]), [0], [1]).dataSync())

const fused = (V: number): Setup =>
  async function* () {
    const specs = await specsOf(V)
    const parameters = new Map([...specs].map(([name, spec]) => [name, filled(spec, 0.02)]))
    const gradients = Object.fromEntries([...specs].map(([name, { shape }]) => [name, tf.fill([...shape], 1e-3)]))
    const optimizer = new AdamW(parameters, options)
    const last = [...parameters.values()].at(-1)!
    try {
      yield () => {
        optimizer.apply(gradients, learningRate)
        return readBack(last)
      }
    } finally {
      optimizer.dispose()
      tf.dispose([...parameters.values(), ...Object.values(gradients)])
    }
  }

const composed = (V: number): Setup =>
  async function* () {
    const specs = [...(await specsOf(V)).values()]
    const slots: ReadonlyArray<ComposedSlot> = specs.map((spec) => ({
      p: filled(spec, 0.02),
      m: filled(spec, 0),
      v: filled(spec, 0),
    }))
    const gradients = specs.map(({ shape }) => tf.fill([...shape], 1e-3))
    let t = 0
    try {
      yield () => {
        t++
        for (const [i, slot] of slots.entries()) composedAdamW(slot, gradients[i]!, t, learningRate, options)
        return readBack(slots.at(-1)!.p)
      }
    } finally {
      tf.dispose([...slots.flatMap(({ p, m, v }) => [p, m, v]), ...gradients])
    }
  }

export const optimizer: Suite = ({ bench }) => {
  const [small, large] = [8192, 50304]
  const slow = `elementwise ops, V = ${small}`
  bench(slow, { ...workOf(small), setup: composed(small) })
  for (const V of [small, large]) bench(`AdamW.apply, V = ${V}`, { ...workOf(V), comparedTo: slow, setup: fused(V) })
}
