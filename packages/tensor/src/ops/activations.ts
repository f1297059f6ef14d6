/** Activations and sums with closed-form gradients that save only their inputs. */
import { address, native, output } from "../native/native.ts"
import { tf } from "../tf.ts"
import { customGrad } from "./custom-grad.ts"

const invSqrt2 = Math.SQRT1_2
const invSqrt2Pi = 1 / Math.sqrt(2 * Math.PI)

/** The normal distribution function at x: (1 + erf(x / sqrt 2)) / 2. */
const normalCdf = (x: tf.Tensor): tf.Tensor => tf.mul(tf.add(tf.erf(tf.mul(x, invSqrt2)), 1), 0.5)

/** `gelu` of TFJS ops. */
export const plainGelu = <T extends tf.Tensor>(x: T): T =>
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

/** GELU in its exact form, x . Phi(x), the meaning of `hidden_act: "gelu"`; absolute error below 1e-6. */
export const gelu = <T extends tf.Tensor>(x: T): T => {
  const fast = native()
  if (fast === undefined) return plainGelu(x)
  const { C } = fast
  return customGrad(
    ([x], save) => {
      save([x!])
      const y = output(x!.shape)
      C.winnow_gelu(x!.size, address(x!), y.address)
      return {
        value: y.tensor,
        gradFunc: (dy, [x]) => {
          const dx = output(dy.shape)
          C.winnow_gelu_gradient(dy.size, address(x!), address(dy), dx.address)
          return dx.tensor
        },
      }
    },
    [x],
  )
}

const rootTwoByPi = Math.sqrt(2 / Math.PI)
/** The factor of the cube. */
const cubic = 0.044715

/** `geluTanh` of TFJS ops. */
export const plainGeluTanh = <T extends tf.Tensor>(x: T): T =>
  customGrad(
    ([x], save) => {
      save([x!])
      // 1 + tanh(u) = 2 sigmoid(2 u)
      const gateOf = (x: tf.Tensor) =>
        tf.sigmoid(tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), cubic)), 2 * rootTwoByPi))
      return {
        value: tf.mul(x!, gateOf(x!)),
        gradFunc: (dy, [x]) => {
          const gate = gateOf(x!)
          const slope = tf.mul(tf.add(tf.mul(tf.square(x!), 3 * cubic), 1), 2 * rootTwoByPi)
          const bend = tf.mul(tf.mul(tf.mul(x!, gate), tf.sub(1, gate)), slope)
          return tf.mul(dy, tf.add(gate, bend))
        },
      }
    },
    [x],
  )

/**
 * GELU in its form with tanh, x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))): `gelu_new` and `gelu_pytorch_tanh` of
 * `transformers`.
 */
export const geluTanh = <T extends tf.Tensor>(x: T): T => {
  const fast = native()
  if (fast === undefined) return plainGeluTanh(x)
  const { C } = fast
  return customGrad(
    ([x], save) => {
      save([x!])
      const y = output(x!.shape)
      C.winnow_gelu_tanh(x!.size, address(x!), y.address)
      return {
        value: y.tensor,
        gradFunc: (dy, [x]) => {
          const dx = output(dy.shape)
          C.winnow_gelu_tanh_gradient(dy.size, address(x!), address(dy), dx.address)
          return dx.tensor
        },
      }
    },
    [x],
  )
}

/** `siluGate` of TFJS ops. */
export const plainSiluGate = (x_N2m: tf.Tensor2D): tf.Tensor2D =>
  customGrad(
    ([x], save) => {
      save([x!])
      const [gate, up] = tf.split(x!, 2, 1)
      return {
        value: tf.mul(tf.mul(gate!, tf.sigmoid(gate!)), up!),
        gradFunc: (dy, [x]) => {
          const [gate, up] = tf.split(x!, 2, 1)
          const s = tf.sigmoid(gate!)
          const silu = tf.mul(gate!, s)
          const slope = tf.add(s, tf.mul(silu, tf.sub(1, s)))
          return tf.concat([tf.mul(tf.mul(dy, up!), slope), tf.mul(dy, silu)], 1)
        },
      }
    },
    [x_N2m],
  )

/**
 * SiLU of the gate times the other half, gate . sigmoid(gate) . up: the middle of Llama's feed-forward.
 *
 * @param x_N2m rows of the gate and, beside it, the other half, the layout of `linears`
 * @returns [N, m]
 */
export const siluGate = (x_N2m: tf.Tensor2D): tf.Tensor2D => {
  const [N, width] = x_N2m.shape
  if (width % 2 !== 0) throw new Error(`siluGate: found rows of ${width}, expected an even number: gate and up`)
  const fast = native()
  if (fast === undefined) return plainSiluGate(x_N2m)
  const { C } = fast
  const m = width / 2
  return customGrad(
    ([x], save) => {
      save([x!])
      const y = output([N, m])
      C.winnow_silu_gate(N, m, address(x!), y.address)
      return {
        value: y.tensor,
        gradFunc: (dy, [x]) => {
          const dx = output([N, width])
          C.winnow_silu_gate_gradient(N, m, address(x!), address(dy), dx.address)
          return dx.tensor
        },
      }
    },
    [x_N2m],
  )
}

/** a + b + c of one shape, in one pass over memory: two residual sums. @error if the shapes differ */
export const add3 = <T extends tf.Tensor>(a: T, b: T, c: T): T => {
  const fast = native()
  if (String(a.shape) !== String(b.shape) || String(a.shape) !== String(c.shape))
    throw new Error(`add3: found shapes [${a.shape}], [${b.shape}] and [${c.shape}], expected the same`)
  if (fast === undefined) return tf.add(tf.add(a, b), c)
  return customGrad(
    ([a, b, c]) => {
      const y = output(a!.shape)
      fast.C.winnow_add3(a!.size, address(a!), address(b!), address(c!), y.address)
      // TFJS disposes a gradient when it adds to it, so each input needs a tensor of its own.
      return { value: y.tensor, gradFunc: (dy) => [dy.clone(), dy.clone(), dy.clone()] }
    },
    [a, b, c],
  )
}
