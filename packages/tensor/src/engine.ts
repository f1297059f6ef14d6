/** Opens the tensor engine: finds libtensorflow, binds it, makes it TFJS's backend. */
import { createRequire } from "node:module"
import {
  engineNeed,
  type Library,
  limitProblem,
  locateLibrary,
  type NativeInfo,
  processorFlags,
  variantsToTry,
} from "@winnow/engine"
import { FileError } from "@winnow/files"
import { type } from "arktype"
import { type Backend, makeBackend } from "./backend.ts"
import { type Binding, openBinding } from "./binding/binding.ts"
import type { Device } from "./binding/context.ts"
import { getEnvironment, setEnvironment } from "./binding/libc.ts"
import type { Seat } from "./binding/server-def.ts"
import { startNative } from "./native/native.ts"
import { registerReshape } from "./reshape.ts"
import { tf } from "./tf.ts"

const require = createRequire(import.meta.url)

/**
 * Options for opening the engine. Fixed for the life of the process: TensorFlow cannot be opened twice.
 *
 * - `threads`: within one op, TensorFlow's or native; by default one per core.
 * - `interOpThreads`: ops at the same time in a recording (`record`); by default TensorFlow's choice. Eager ops run one
 *   by one.
 * - `gpu`: false hides every GPU from TensorFlow.
 * - `gpuMemoryGrowth`: take GPU memory as needed, not nearly all of it at the start, so that two runs can share a GPU.
 * - `products`: `bfloat16` lets oneDNN multiply float32 matrices in bfloat16 and sum in float32. It does so on
 *   processors with
 *   AMX (two to three times as fast there; operands keep 8 bits of mantissa) and not on others. The default
 *   keeps float32, unless ONEDNN_DEFAULT_FPMATH_MODE in the environment says otherwise.
 * - `native`: false leaves every op on its plain TFJS path, as on a machine without a compiler; see docs/engine.md.
 * - `whenNeeded`: true opens TensorFlow's library at the first op or tensor, not before: programs that only decode natively
 *   never do, and save its memory and time. Not with a GPU.
 * - `group`: the seat of this process in a group that computes together: `joinGroup` sets it.
 * - `messages`: true shows TensorFlow's output on stderr. A TF_CPP_MIN_LOG_LEVEL in the environment takes precedence.
 */
export const EngineOptions = type({
  "+": "reject",
  "threads?": "1 <= number.integer <= 4096",
  "interOpThreads?": "1 <= number.integer <= 4096",
  "gpu?": "boolean",
  "gpuMemoryGrowth?": "boolean",
  "products?": "'float32' | 'bfloat16'",
  "native?": "boolean",
  "whenNeeded?": "boolean",
  "messages?": "boolean",
  "group?": type({ "+": "reject", rank: "number.integer >= 0", members: "string[] >= 2" }).as<Seat>(),
})
export type EngineOptions = typeof EngineOptions.infer

/** The library, device and options of the open engine. */
export interface EngineInfo {
  /** The source of libtensorflow. */
  readonly library: Library
  /** The version that TensorFlow itself reports. */
  readonly version: string
  readonly devices: ReadonlyArray<Device>
  /** The device of float tensors. */
  readonly device: Device
  readonly usesGpu: boolean
  /** The native library, or the reason why there is none. */
  readonly native: NativeInfo
  readonly options: EngineOptions
}

interface Opened {
  readonly options: EngineOptions
  readonly info: Promise<EngineInfo>
}

let opened: Opened | undefined
let openedInfo: EngineInfo | undefined

const backendOf = (binding: Binding): Backend => {
  require("@tensorflow/tfjs-node-gpu/dist/register_all_kernels")
  registerReshape()
  return makeBackend(binding)
}

const open = async (options: EngineOptions): Promise<EngineInfo> => {
  // A wrong option is refused before TensorFlow is loaded, which happens once in a process.
  if (options.native !== false) variantsToTry(processorFlags(), process.env["WINNOW_NATIVE"])
  const { threads, interOpThreads, gpu = true, gpuMemoryGrowth = true, native = true } = options
  const problem = limitProblem(engineNeed(threads))
  if (problem !== undefined) throw new FileError("memory", problem, "ENOMEM")
  const library = await locateLibrary(options.gpu === undefined ? {} : { gpu: options.gpu })
  // TensorFlow and oneDNN read these from the process's environment during loading.
  const level = getEnvironment("TF_CPP_MIN_LOG_LEVEL")
  const quiet = level === undefined && options.messages !== true
  // 3 shows only messages that end the process; all other faults are thrown as errors.
  if (level === undefined) setEnvironment("TF_CPP_MIN_LOG_LEVEL", quiet ? "3" : "0", false)
  if (options.products !== undefined)
    setEnvironment("ONEDNN_DEFAULT_FPMATH_MODE", options.products === "bfloat16" ? "BF16" : "STRICT", true)
  const register = () =>
    openBinding(
      library.files,
      {
        gpu,
        gpuMemoryGrowth,
        ...(threads === undefined ? {} : { threads }),
        ...(interOpThreads === undefined ? {} : { interOpThreads }),
      },
      quiet,
      options.group,
    )
  if (options.whenNeeded === true && library.flavour === "cpu" && native) {
    // TFJS opens the backend of the highest priority by itself, and would take another where that fails
    for (const name of tf.engine().backendNames()) tf.removeBackend(name)
    let made: Backend | undefined
    tf.registerBackend("tensorflow", () => (made ??= backendOf(register())), 3) // TFJS may call it twice
    const later = () => (tf.backend() as Backend).binding
    const info = await startNative(() => tf.backend() as Backend, threads)
    return (openedInfo = {
      ...{ library, usesGpu: false, native: info, options },
      get version() {
        return later().TF_Version
      },
      get devices() {
        return later().devices
      },
      get device() {
        return later().device
      },
    })
  }
  const binding = register()
  tf.registerBackend("tensorflow", () => backendOf(binding), 3)
  if (!(await tf.setBackend("tensorflow"))) throw new Error("TFJS refused the tensorflow backend")
  const { devices, device, TF_Version: version } = binding
  const usesGpu = binding.isUsingGpuDevice()
  const nativeInfo: NativeInfo = usesGpu
    ? { missing: "a GPU computes" }
    : native
      ? await startNative(() => tf.backend() as Backend, threads)
      : { missing: "switched off by the engine's option native: false" }
  return (openedInfo = { library, version, devices, device, usesGpu, native: nativeInfo, options })
}

/**
 * Opens the engine, once per process: later calls return the same promise. After a failure the next call tries again.
 *
 * @error TypeError for options of the wrong form; Error if it was opened with other options, or WINNOW_NATIVE names a
 * missing variant; LibraryNotFound; FileError if a limit leaves too little memory
 */
export const openEngine = (options: EngineOptions = {}): Promise<EngineInfo> => {
  const valid = EngineOptions(options)
  if (valid instanceof type.errors) return Promise.reject(new TypeError(`engine options: ${valid.summary}`))
  if (opened !== undefined) {
    if (valid.group !== undefined)
      return Promise.reject(
        new Error("the tensor engine is open, and joins a group only as it opens: join before its first use"),
      )
    for (const key of Object.keys(valid) as Array<Exclude<keyof EngineOptions, "group">>) {
      if (key === "whenNeeded") continue
      const [wanted, is] = [valid[key], opened.options[key]]
      if (wanted !== is)
        return Promise.reject(
          new Error(
            `the tensor engine was opened with ${key} = ${is ?? "its default"} and cannot be reopened with ${wanted} in the same process. ` +
              "Pass the options to the first openEngine.",
          ),
        )
    }
    return opened.info
  }
  const info = open(valid)
  opened = { options: valid, info }
  info.catch(() => {
    opened = undefined
  })
  return info
}

/** The library, device and options of the open engine. @error before `openEngine` is done */
export const engineInfo = (): EngineInfo => {
  if (openedInfo === undefined) throw new Error("the tensor engine is not open: `await openEngine()` first")
  return openedInfo
}

/** The TFJS backend, to run TensorFlow ops that TFJS has no kernel for. @error before `openEngine` is done */
export const backend = (): Backend => {
  if (openedInfo === undefined) engineInfo()
  return tf.findBackend("tensorflow") as Backend
}
