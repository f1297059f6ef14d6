/**
 * The one instance of TFJS in the process.
 *
 * Loaded through `require`: the kernels of tfjs-node-gpu are CommonJS and require "@tensorflow/tfjs" themselves; an ESM
 * import beside that would give a second engine, with its own registry and its own tensors.
 */
import { createRequire } from "node:module"

/** Parts of TFJS that nothing here uses: without them it opens 90 ms sooner and takes 10 MB less. */
const unused = ["layers", "converter", "data", "backend-webgl"].map((part) => `@tensorflow/tfjs-${part}`)

type Unused =
  | keyof typeof import("@tensorflow/tfjs-layers")
  | keyof typeof import("@tensorflow/tfjs-converter")
  | ("data" | "webgl")

/** TFJS, whose package loads all of its parts: empty modules stand in for the unused ones while it loads. */
const withoutUnused = (): Omit<typeof import("@tensorflow/tfjs"), Unused> => {
  const require = createRequire(import.meta.url)
  const { resolve } = createRequire(require.resolve("@tensorflow/tfjs"))
  const paths = unused.map((part) => resolve(part)).filter((path) => require.cache[path] === undefined)
  const empty = (filename: string) =>
    Object.assign(Object.create(null), { id: filename, filename, loaded: true, exports: {} })
  for (const path of paths) require.cache[path] = empty(path)
  try {
    return require("@tensorflow/tfjs")
  } finally {
    // Another program's own use of a part loads the part.
    for (const path of paths) delete require.cache[path]
  }
}

export const tf = withoutUnused()

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
