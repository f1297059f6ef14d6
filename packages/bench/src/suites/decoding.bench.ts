/** One greedy decoding step over a warm cache: one token a sequence in, the most probable next one out. */
import type { Model } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { product, tf } from "@winnow/tensor"
import { do_not_optimize } from "mitata"
import { neox, vocabulary } from "../neox.ts"
import { prepared, type Suite } from "../suite.ts"

/** The most probable next token of each sequence: hidden states [B, 1, d] times the head; B numbers are read back. */
const greedy = (model: Model, h_B1d: tf.Tensor3D): tf.TypedArray => {
  const h_Bd = tf.reshape(h_B1d, [h_B1d.shape[0], h_B1d.shape[2]]) as tf.Tensor2D
  return tf.argMax(product(h_Bd, model.head_Vd as unknown as tf.Tensor2D, false, true), 1).dataSync()
}

/** Positions cached before the step. */
const P = 128
/** A model records its step when it has seen a shape three times; the first calls are not what decoding costs. */
const warmUp = 5

const models = [
  ["draft", 128, 2],
  ["target", 256, 4],
] as const

export const decoding: Suite = ({ bench }) => {
  for (const [name, d, layers] of models)
    for (const B of [1, 16])
      bench(`${name} (d = ${d}, ${layers} layers), B = ${B}`, {
        work: { amount: B, unit: "tokens/s" },
        setup: async function* () {
          const model = await neox(d, layers, 1)
          const state = model.decoding()
          const rng = seeded(1, "decoding bench")
          const ids = (T: number) => {
            const values = Int32Array.from({ length: B * T }, () => rng.below(vocabulary))
            return tf.tensor2d(values, [B, T], "int32")
          }
          const [prompt, next] = [ids(P), ids(1)]
          const step = () => tf.tidy(() => greedy(model, state.extend(next)))
          try {
            tf.dispose(state.extend(prompt))
            for (let i = 0; i < warmUp; i++) {
              step()
              state.rollback(P)
            }
            // Rolled back between the calls, so that each extends a cache of the same length.
            yield prepared(
              () => state.rollback(P),
              () => {
                if (state.length !== P) throw new Error(`the cache holds ${state.length} positions, not ${P}`)
                do_not_optimize(step())
              },
            )
          } finally {
            state.dispose()
            tf.dispose([prompt, next])
            model.dispose()
          }
        },
      })
}
