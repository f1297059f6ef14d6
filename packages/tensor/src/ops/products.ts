/**
 * Products of rows with linear layers in native code, between places in memory.
 *
 * Letters: N rows, d inputs, e outputs of a layer.
 */
import type { Address } from "@winnow/engine"
import { completed } from "../native/ffi.ts"
import { type FrozenMatrix, placeOf } from "../native/halves.ts"
import { address, type Native, precision } from "../native/native.ts"
import type { tf } from "../tf.ts"

/** A linear layer's weight [outputs, inputs] and bias [outputs], if it has one. Halves have no gradient, and pass none on. */
export interface LinearWeights {
  readonly weight_ed: FrozenMatrix
  readonly bias_e?: tf.Tensor1D | undefined
}

/** @error if a layer's weights do not fit the rows: native code would read past their end */
export const checkLayers = (x: Pick<tf.Tensor, "rank" | "shape">, layers: ReadonlyArray<LinearWeights>): void => {
  for (const { weight_ed: w, bias_e: b } of layers)
    if (x.rank !== 2 || w.shape.length !== 2 || w.shape[1] !== x.shape[1] || (b !== undefined && b.size !== w.shape[0]))
      throw new Error(
        `linear: found rows [${x.shape}], weight [${w.shape}]${b === undefined ? "" : `, bias [${b.shape}]`}; ` +
          "expected [N, d], [e, d], [e]",
      )
}

/** The place of one layer's columns in the rows of all layers. */
export interface Part {
  readonly e: number
  readonly from: number
  /** Indices of its weight and its bias among the inputs. */
  readonly weight: number
  readonly bias: number | undefined
}

/** The places of layers beside each other. */
export const partsOf = (
  layers: ReadonlyArray<LinearWeights>,
): { readonly parts: Array<Part>; readonly width: number } => {
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

/** The mode of `winnow_gemm` for products from now on. */
export const productMode = (): number => (precision() === "bfloat16" ? 1 : 0)

/** Writes the products of N rows with all layers, side by side in rows at `to`. */
export const productsInto = (
  { C }: Native,
  mode: number,
  N: number,
  x_at: Address,
  layers: ReadonlyArray<LinearWeights>,
  { parts, width }: ReturnType<typeof partsOf>,
  to: Address,
): void => {
  for (const [i, { e, from }] of parts.entries()) {
    const { weight_ed, bias_e } = layers[i]!
    const d = weight_ed.shape[1]!
    const bias_at = bias_e === undefined ? null : address(bias_e)
    const columns: Address = to + from * floatBytes
    completed("linear", C.winnow_gemm(mode, N, e, d, x_at, d, 0, placeOf(weight_ed), d, 1, columns, width, 0, bias_at))
  }
}

/** The places of a layer in a backward pass: its weight, and its gradients, null for one that nobody wants. */
export interface LayerPlaces {
  readonly weight: Address
  readonly dWeight: Address | null
  readonly dBias: Address | null
}

/** Writes the gradient by the rows, and those by weights and biases, from the gradient by the products of `productsInto`. */
export const productGradientsInto = (
  { C }: Native,
  mode: number,
  [N, d]: readonly [N: number, d: number],
  x_at: Address,
  dy_at: Address,
  { parts, width }: ReturnType<typeof partsOf>,
  places: (layer: number) => LayerPlaces,
  dx_at: Address,
): void => {
  for (const [i, { e, from }] of parts.entries()) {
    const columns: Address = dy_at + from * floatBytes
    const { weight, dWeight, dBias } = places(i)
    const add = i === 0 ? 0 : 1
    completed("linear", C.winnow_gemm(mode, N, d, e, columns, width, 0, weight, d, 0, dx_at, d, add, null))
    if (dWeight !== null)
      completed("linear", C.winnow_gemm(mode, e, d, N, columns, width, 1, x_at, d, 0, dWeight, d, 0, null))
    if (dBias !== null) C.winnow_column_sums(N, e, columns, width, dBias)
  }
}
