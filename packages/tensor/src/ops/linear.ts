/**
 * Products of matrices, each by the TensorFlow op that is fast at its shape.
 *
 * TFJS sends a product of rank 2 to `BatchMatMulV2`. Measured on 2 cores: for few rows its set-up costs four times the
 * product ([1, 256] x [256, 1024]: 87 us against 24 us by `MatMul`), for many columns it is the faster of the two
 * ([128, 512] x [512, 50304]: 36 ms against 53 ms, [26, 512]: 32 ms by `MatMul`), between them they agree.
 *
 * Letters: N rows, d inputs, e outputs.
 */

import type { Address } from "@winnow/engine"
import { attribute } from "../binding/attributes.ts"
import { completed } from "../native/ffi.ts"
import { type FrozenMatrix, Halves, placeOf } from "../native/halves.ts"
import { address, type Native, native, output, precision, withPrecision } from "../native/native.ts"
import { tf } from "../tf.ts"
import { customGrad } from "./custom-grad.ts"
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

/** A linear layer's weight [outputs, inputs] and bias [outputs], if it has one. Halves have no gradient, and pass none on. */
export interface LinearWeights {
  readonly weight_ed: FrozenMatrix
  readonly bias_e?: tf.Tensor1D | undefined
}

/** A layer whose weight is a tensor. */
interface TensorWeights extends LinearWeights {
  readonly weight_ed: tf.Tensor2D
}

const areTensors = (layers: ReadonlyArray<LinearWeights>): layers is ReadonlyArray<TensorWeights> =>
  layers.every(({ weight_ed }) => !(weight_ed instanceof Halves))

/** @error if a layer's weights do not fit the rows: native code would read past their end */
const checkLayers = (x: tf.Tensor, layers: ReadonlyArray<LinearWeights>): void => {
  for (const { weight_ed: w, bias_e: b } of layers)
    if (x.rank !== 2 || w.shape.length !== 2 || w.shape[1] !== x.shape[1] || (b !== undefined && b.size !== w.shape[0]))
      throw new Error(
        `linear: found rows [${x.shape}], weight [${w.shape}]${b === undefined ? "" : `, bias [${b.shape}]`}; ` +
          "expected [N, d], [e, d], [e]",
      )
}

/** The place of one layer's columns in the rows of all layers. */
interface Part {
  readonly e: number
  readonly from: number
  /** Indices of its weight and its bias among the inputs. */
  readonly weight: number
  readonly bias: number | undefined
}

const partsOf = (layers: ReadonlyArray<LinearWeights>): { readonly parts: Array<Part>; readonly width: number } => {
  const parts: Array<Part> = []
  let [from, input] = [0, 1]
  for (const { weight_ed, bias_e } of layers) {
    const e = weight_ed.shape[0]
    parts.push({ e, from, weight: input++, bias: bias_e === undefined ? undefined : input++ })
    from += e
  }
  return { parts, width: from }
}

const floatBytes = 4

/** The products of all layers, side by side in rows of one tensor; no gradient. */
const nativeProducts = (
  { C }: Native,
  x_Nd: tf.Tensor2D,
  layers: ReadonlyArray<LinearWeights>,
  { parts, width }: ReturnType<typeof partsOf>,
): tf.Tensor2D => {
  const [N, d] = x_Nd.shape
  const mode = precision() === "bfloat16" ? 1 : 0
  const y = output([N, width])
  const x_at = address(x_Nd)
  for (const [i, { e, from }] of parts.entries()) {
    const { weight_ed, bias_e } = layers[i]!
    const bias_at = bias_e === undefined ? null : address(bias_e)
    const to: Address = y.address + from * floatBytes
    completed("linear", C.winnow_gemm(mode, N, e, d, x_at, d, 0, placeOf(weight_ed), d, 1, to, width, 0, bias_at))
  }
  return y.tensor as tf.Tensor2D
}

/** Layers with halves among them. @error while a gradient is being taken: halves pass none on */
const frozenLinears = (x_Nd: tf.Tensor2D, layers: ReadonlyArray<LinearWeights>): tf.Tensor2D => {
  checkLayers(x_Nd, layers)
  if (takesGradient()) throw new Error("linear: a weight in bfloat16 passes no gradient on; give it as a variable")
  const fast = nativeFor(x_Nd)
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
  const { C } = library
  const [N, d] = x_Nd.shape
  const places = partsOf(layers)
  const { parts, width } = places
  const inputs = [
    x_Nd,
    ...layers.flatMap(({ weight_ed, bias_e }) => (bias_e === undefined ? [weight_ed] : [weight_ed, bias_e])),
  ]
  const wanted = inputs.map((input, i) => i === 0 || needsGradient(input))
  const mode = precision() === "bfloat16" ? 1 : 0
  return customGrad(
    (_, save) => {
      const value = nativeProducts(library, x_Nd, layers, places)
      save([x_Nd, ...parts.map(({ weight }) => inputs[weight]!)])
      const gradFunc = (dy: tf.Tensor, [x, ...weights]: Array<tf.Tensor>) => {
        const dx = output([N, d])
        const [x_at, dy_at] = [address(x!), address(dy)]
        const gradients = [dx.tensor]
        for (const [i, { e, from, weight, bias }] of parts.entries()) {
          const columns_at: Address = dy_at + from * floatBytes
          const [weight_at, add] = [address(weights[i]!), i === 0 ? 0 : 1]
          completed(
            "linear",
            C.winnow_gemm(mode, N, d, e, columns_at, width, 0, weight_at, d, 0, dx.address, d, add, null),
          )
          if (wanted[weight]) {
            const dw = output([e, d])
            completed("linear", C.winnow_gemm(mode, e, d, N, columns_at, width, 1, x_at, d, 0, dw.address, d, 0, null))
            gradients.push(dw.tensor)
          }
          if (bias === undefined || !wanted[bias]) continue
          const db = output([e])
          C.winnow_column_sums(N, e, columns_at, width, db.address)
          gradients.push(db.tensor)
        }
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

const nativeFor = (x: tf.Tensor2D): Native | undefined =>
  x.shape[0] >= manyRows || precision() === "bfloat16" ? native() : undefined

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
  const fast = nativeFor(x_Nd)
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
  const fast = nativeFor(x_Nd)
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
