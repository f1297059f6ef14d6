/** Activations with closed-form gradients that save their inputs and nothing else. */
import { tf } from "../tf.ts"
import { customGrad } from "./custom-grad.ts"

const invSqrt2 = Math.SQRT1_2
const invSqrt2Pi = 1 / Math.sqrt(2 * Math.PI)

/** The normal distribution function at x: (1 + erf(x / sqrt 2)) / 2. */
const normalCdf = (x: tf.Tensor): tf.Tensor => tf.mul(tf.add(tf.erf(tf.mul(x, invSqrt2)), 1), 0.5)

/** GELU in its exact form, x . Phi(x), as `hidden_act: "gelu"` means it. */
export const gelu = <T extends tf.Tensor>(x: T): T =>
  customGrad(
    ([x], save) => {
      save([x!])
      return {
        value: tf.mul(x!, normalCdf(x!)),
        gradFunc: (dy, [x]) => {
          const density = tf.mul(tf.exp(tf.mul(tf.square(x!), -0.5)), invSqrt2Pi)
          return tf.mul(dy, tf.add(normalCdf(x!), tf.mul(x!, density)))
        },
      }
    },
    [x],
  )

/** SiLU of the gate times the other half, gate . sigmoid(gate) . up: the Llama feed-forward's middle. */
export const siluGate = <T extends tf.Tensor>(gate: T, up: T): T =>
  customGrad(
    ([gate, up], save) => {
      save([gate!, up!])
      return {
        value: tf.mul(tf.mul(gate!, tf.sigmoid(gate!)), up!),
        gradFunc: (dy, [gate, up]) => {
          const s = tf.sigmoid(gate!)
          const silu = tf.mul(gate!, s)
          const slope = tf.add(s, tf.mul(silu, tf.sub(1, s)))
          return [tf.mul(tf.mul(dy, up!), slope), tf.mul(dy, silu)]
        },
      }
    },
    [gate, up],
  )
