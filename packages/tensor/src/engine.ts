/** Opens the tensor engine: finds libtensorflow, binds it, makes it TFJS's backend. */
import { createRequire } from "node:module"
import { tf } from "./tf.ts"

const require = createRequire(import.meta.url)
let opened: Promise<void> | undefined

/** Opens the engine once per process; later calls return the same promise. */
export const openEngine = (): Promise<void> =>
  (opened ??= (async () => {
    const { binding } = await import("./bootstrap.ts")
    const { NodeJSKernelBackend } = require("@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend")
    require("@tensorflow/tfjs-node-gpu/dist/register_all_kernels")
    tf.registerBackend("tensorflow", () => new NodeJSKernelBackend(binding, "@tensorflow/tfjs-node-gpu"), 3)
    await tf.setBackend("tensorflow")
  })())

/** The TFJS backend, to run TensorFlow ops that TFJS has no kernel for. Throws before `openEngine`. */
export const backend = (): any => tf.backend()
