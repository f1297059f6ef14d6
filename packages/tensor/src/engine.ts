/** Opens the tensor engine: finds libtensorflow, binds it, makes it TFJS's backend. */
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"
import { type Backend, makeBackend } from "./backend.ts"
import { type Binding, openBinding } from "./binding/binding.ts"
import { getEnvironment, setEnvironment } from "./binding/libc.ts"
import { tf } from "./tf.ts"

const require = createRequire(import.meta.url)

/** How the engine is opened. Fixed for the life of the process: TensorFlow cannot be opened twice. */
export interface EngineOptions {
  /** Threads within one op; by default one per core. */
  readonly threads?: number
  /** False hides every GPU from TensorFlow. Default true. */
  readonly gpu?: boolean
}

let opened: Promise<void> | undefined

const libraryNames =
  process.platform === "darwin"
    ? ["libtensorflow_cc.2.dylib", "libtensorflow.2.dylib"]
    : ["libtensorflow_cc.so.2", "libtensorflow.so.2"]

const open = async (options: EngineOptions): Promise<void> => {
  const directory = getEnvironment("WINNOW_LIBTENSORFLOW") ?? join(homedir(), ".cache/winnow/proto/tensorflow")
  const path = libraryNames.map((name) => join(directory, name)).find((file) => existsSync(file))
  if (path === undefined) throw new Error(`no ${libraryNames.join(" or ")} in ${directory}`)
  // Read when the library loads: its greetings on stderr say nothing that an error does not say better.
  setEnvironment("TF_CPP_MIN_LOG_LEVEL", "3", false)
  const binding = openBinding(path, { gpuMemoryGrowth: true, gpu: options.gpu ?? true, ...options })
  require("@tensorflow/tfjs-node-gpu/dist/register_all_kernels")
  tf.registerBackend("tensorflow", () => makeBackend(binding), 3)
  await tf.setBackend("tensorflow")
}

/** Opens the engine once per process; later calls return the same promise. */
export const openEngine = (options: EngineOptions = {}): Promise<void> => (opened ??= open(options))

/** The TFJS backend, to run TensorFlow ops that TFJS has no kernel for. @error before `openEngine` */
export const backend = (): Backend => {
  const found = tf.findBackend("tensorflow") as Backend | null
  if (found === null) throw new Error("the tensor engine is not open: `await openEngine()` first")
  return found
}
export type { Backend, Binding }
