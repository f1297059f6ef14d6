/**
 * Products of matrices, each by the TensorFlow op that is fast at its shape.
 *
 * TFJS sends a product of rank 2 to `BatchMatMulV2`. Measured on 2 cores: for few rows its set-up costs four times the
 * product ([1, 256] x [256, 1024]: 87 us against 24 us by `MatMul`), for many columns it is the faster of the two
 * ([128, 512] x [512, 50304]: 36 ms against 53 ms, [26, 512]: 32 ms by `MatMul`), between them they agree.
 *
 * Letters: N rows, d inputs, e outputs.
 */

import { attribute } from "../binding/attributes.ts"
import { type FrozenMatrix, Halves } from "../native/halves.ts"
import { address, type Native, native, output, precision, withPrecision } from "../native/native.ts"
import { tf } from "../tf.ts"
import { customGrad } from "./custom-grad.ts"
import {
  checkLayers,
  type LayerPlaces,
  type LinearWeights,
  partsOf,
  productGradientsInto,
  productMode,
  productsInto,
} from "./products.ts"
import { floatType, runOp } from "./run.ts"
import { softCap } from "./soft-cap.ts"
import { needsGradient, takesGradient } from "./tape.ts"

/** True if `BatchMatMulV2` is at least as fast: many rows, or a vocabulary of columns and more than a few rows. */
const wantsBatch = (rows: number, columns: number) => rows >= 96 || (rows >= 16 && columns >= 4096)

/**
 * a . b for matrices, either of them transposed. Not recorded for autodiff: see `linear`.
 *
 * @error if the inner sizes differ: names the op, both shapes and the dtypes
 */
export const product = (a: tf.Tensor2D, b: tf.Tensor2D, transposeA = false, transposeB = false): tf.Tensor2D => {
  return wantsBatch(a.shape[transposeA ? 1 : 0]!, b.shape[transposeB ? 0 : 1]!)
    ? (runOp(
        "BatchMatMulV2",
        [attribute.bool("adj_x", transposeA), attribute.bool("adj_y", transposeB), floatType()],
        [a, b],
      ) as tf.Tensor2D)
    : (runOp(
        "MatMul",
        [attribute.bool("transpose_a", transposeA), attribute.bool("transpose_b", transposeB), floatType()],
        [a, b],
      ) as tf.Tensor2D)
}

const addBias = (y_Ne: tf.Tensor2D, bias_e: tf.Tensor1D): tf.Tensor2D => {
  const biased = runOp("BiasAdd", [floatType()], [y_Ne, bias_e]) as tf.Tensor2D
  y_Ne.dispose()
  return biased
}

/** `linear` of TensorFlow ops, always in the engine's own precision. */
export const plainLinear = (x_Nd: tf.Tensor2D, weight_ed: tf.Tensor2D, bias_e?: tf.Tensor1D): tf.Tensor2D => {
  const [ofWeight, ofBias] = [needsGradient(weight_ed), bias_e !== undefined && needsGradient(bias_e)]
  return customGrad(
    (_, save) => {
      save([x_Nd, weight_ed])
      const y_Ne = product(x_Nd, weight_ed, false, true)
      return {
        value: bias_e === undefined ? y_Ne : addBias(y_Ne, bias_e),
        gradFunc: (dy, [x, w]) => [
          product(dy as tf.Tensor2D, w as tf.Tensor2D),
          ...(ofWeight ? [product(dy as tf.Tensor2D, x as tf.Tensor2D, true, false)] : []),
          ...(ofBias ? [tf.sum(dy, 0)] : []),
        ],
      }
    },
    [x_Nd, ...(ofWeight ? [weight_ed] : []), ...(ofBias ? [bias_e!] : [])],
  )
}

/** A layer whose weight is a tensor. */
interface TensorWeights extends LinearWeights {
  readonly weight_ed: tf.Tensor2D
}

const areTensors = (layers: ReadonlyArray<LinearWeights>): layers is ReadonlyArray<TensorWeights> =>
  layers.every(({ weight_ed }) => !(weight_ed instanceof Halves))

/** The products of all layers, side by side in rows of one tensor; no gradient. */
const nativeProducts = (
  library: Native,
  x_Nd: tf.Tensor2D,
  layers: ReadonlyArray<LinearWeights>,
  places: ReturnType<typeof partsOf>,
): tf.Tensor2D => {
  const N = x_Nd.shape[0]
  const y = output([N, places.width])
  productsInto(library, productMode(), N, address(x_Nd), layers, places, y.address)
  return y.tensor as tf.Tensor2D
}

/** Layers with halves among them. @error while a gradient is being taken: halves pass none on */
const frozenLinears = (x_Nd: tf.Tensor2D, layers: ReadonlyArray<LinearWeights>): tf.Tensor2D => {
  checkLayers(x_Nd, layers)
  if (takesGradient()) throw new Error("linear: a weight in bfloat16 passes no gradient on; give it as a variable")
  const fast = nativeProductsFor(x_Nd.shape[0])
  if (fast !== undefined) return nativeProducts(fast, x_Nd, layers, partsOf(layers))
  return tf.tidy(() =>
    plainLinears(
      x_Nd,
      layers.map(({ weight_ed: w, bias_e }) => ({ weight_ed: w instanceof Halves ? w.widened() : w, bias_e })),
    ),
  )
}

/** All layers into rows of one tensor: products write their columns in place, and their gradients read them there. */
const nativeLinears = (library: Native, x_Nd: tf.Tensor2D, layers: ReadonlyArray<TensorWeights>): tf.Tensor2D => {
  checkLayers(x_Nd, layers)
  const [N, d] = x_Nd.shape
  const places = partsOf(layers)
  const { parts } = places
  const inputs = [
    x_Nd,
    ...layers.flatMap(({ weight_ed, bias_e }) => (bias_e === undefined ? [weight_ed] : [weight_ed, bias_e])),
  ]
  const wanted = inputs.map((input, i) => i === 0 || needsGradient(input))
  const mode = productMode()
  return customGrad(
    (_, save) => {
      const value = nativeProducts(library, x_Nd, layers, places)
      save([x_Nd, ...parts.map(({ weight }) => inputs[weight]!)])
      const gradFunc = (dy: tf.Tensor, [x, ...weights]: Array<tf.Tensor>) => {
        const dx = output([N, d])
        const gradients = [dx.tensor]
        const made = (input: number | undefined) => {
          if (input === undefined || !wanted[input]) return null
          const gradient = output(inputs[input]!.shape)
          gradients.push(gradient.tensor)
          return gradient.address
        }
        const ofLayer = (i: number): LayerPlaces => {
          const { weight, bias } = parts[i]!
          return { weight: address(weights[i]!), dWeight: made(weight), dBias: made(bias) }
        }
        productGradientsInto(library, mode, [N, d], address(x!), address(dy), places, ofLayer, dx.address)
        return gradients
      }
      return { value, gradFunc }
    },
    inputs.filter((_, i) => wanted[i]),
  )
}

const plainLinears = (x_Nd: tf.Tensor2D, layers: ReadonlyArray<TensorWeights>): tf.Tensor2D => {
  const [first, ...others] = layers.map(({ weight_ed, bias_e }) => plainLinear(x_Nd, weight_ed, bias_e))
  return others.length === 0 ? first! : tf.concat([first!, ...others], 1)
}

/** From this number of rows on native float32 products are at least as fast as TensorFlow's. */
const manyRows = 8

/** The native library, if products of N rows are native. */
export const nativeProductsFor = (N: number): Native | undefined =>
  N >= manyRows || precision() === "bfloat16" ? native() : undefined

/**
 * x . weight^T + bias, differentiable: a linear layer in the layout of Hugging Face checkpoints.
 *
 * A variable without a requested gradient (`needsGradient`) costs none.
 *
 * Native products have the `precision()` of the forward pass, their gradients too. Few rows in float32 go to
 * TensorFlow, which multiplies them without first copying the weights into panels (1 row of 256 to 1024: 39 us against
 * 129); from 8 rows on the native product is at least as fast.
 *
 * @param x_Nd rows of inputs
 * @param weight_ed [outputs, inputs]
 * @returns [N, e]
 */
export const linear = (x_Nd: tf.Tensor2D, weight_ed: FrozenMatrix, bias_e?: tf.Tensor1D): tf.Tensor2D => {
  if (weight_ed instanceof Halves) return frozenLinears(x_Nd, [{ weight_ed, bias_e }])
  const fast = nativeProductsFor(x_Nd.shape[0])
  return fast ? nativeLinears(fast, x_Nd, [{ weight_ed, bias_e }]) : plainLinear(x_Nd, weight_ed, bias_e)
}

/**
 * Several linear layers of the same rows, their outputs side by side, [N, sum of e]: queries, keys and values; gate and
 * up.
 *
 * @param layers at least one
 */
export const linears = (x_Nd: tf.Tensor2D, layers: ReadonlyArray<LinearWeights>): tf.Tensor2D => {
  if (!areTensors(layers)) return frozenLinears(x_Nd, layers)
  const fast = nativeProductsFor(x_Nd.shape[0])
  return fast ? nativeLinears(fast, x_Nd, layers) : plainLinears(x_Nd, layers)
}

/**
 * Logits [N, V] of rows: h . head^T, by TensorFlow's product, or natively for a head in halves. Not recorded for autodiff:
 * see `linear`.
 *
 * @param cap logits are cap tanh(x / cap) of the products x
 */
export const headLogits = (h_Nd: tf.Tensor2D, head_Vd: FrozenMatrix, cap?: number): tf.Tensor2D =>
  softCap(headProducts(h_Nd, head_Vd), cap)

const headProducts = (h_Nd: tf.Tensor2D, head_Vd: FrozenMatrix): tf.Tensor2D => {
  if (!(head_Vd instanceof Halves)) return product(h_Nd, head_Vd, false, true)
  const layers = [{ weight_ed: head_Vd }]
  checkLayers(h_Nd, layers)
  return withPrecision("float32", () => nativeProducts(head_Vd.native, h_Nd, layers, partsOf(layers)))
}
