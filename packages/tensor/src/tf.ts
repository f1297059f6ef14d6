/**
 * The one instance of TFJS in the process.
 *
 * Loaded through `require`: the kernels of tfjs-node-gpu are CommonJS and require "@tensorflow/tfjs" themselves; an ESM
 * import beside that would give a second engine, with its own registry and its own tensors.
 */
import { createRequire } from "node:module"

export const tf: typeof import("@tensorflow/tfjs") = createRequire(import.meta.url)("@tensorflow/tfjs")

/** The types of TFJS, so that `tf.Tensor2D` works beside `tf`. */
export declare namespace tf {
  export type Tensor<R extends import("@tensorflow/tfjs").Rank = import("@tensorflow/tfjs").Rank> =
    import("@tensorflow/tfjs").Tensor<R>
  export type Scalar = import("@tensorflow/tfjs").Scalar
  export type Tensor1D = import("@tensorflow/tfjs").Tensor1D
  export type Tensor2D = import("@tensorflow/tfjs").Tensor2D
  export type Tensor3D = import("@tensorflow/tfjs").Tensor3D
  export type Tensor4D = import("@tensorflow/tfjs").Tensor4D
  export type Variable<R extends import("@tensorflow/tfjs").Rank = import("@tensorflow/tfjs").Rank> =
    import("@tensorflow/tfjs").Variable<R>
  export type DataType = import("@tensorflow/tfjs").DataType
  export type TypedArray = import("@tensorflow/tfjs").TypedArray
  export type GradSaveFunc = import("@tensorflow/tfjs-core").GradSaveFunc
  export type NamedTensorMap = import("@tensorflow/tfjs").NamedTensorMap
}
