/** A libtensorflow as it is understood here: the two shared libraries, where they lie, and where they came from. */

/** The machines that TensorFlow publishes libraries for and that the binding is written for. */
export type Platform = "linux-x86-64" | "linux-arm64" | "macos-arm64"

/** `gpu` is the build with CUDA kernels, which exists for linux-x86-64 alone. */
export type Flavour = "cpu" | "gpu"

/** The one of four places that gave the library. */
export type LibrarySource = "WINNOW_LIBTENSORFLOW" | "cache" | "python" | "download"

/** A usable libtensorflow on this machine. */
export interface Library {
  /** Absolute path of the folder that holds both files. */
  readonly directory: string
  /** As the package that brought it states, for example "2.21.0"; "unknown" for a bare folder (ask `TF_Version`). */
  readonly version: string
  readonly source: LibrarySource
  /** Undefined where only loading it would tell. */
  readonly flavour: Flavour | undefined
  readonly platform: Platform
  /** Absolute paths. `framework` must be loaded, or be loadable, before `cc`, which depends on it. */
  readonly files: { readonly cc: string; readonly framework: string }
  /** One line for people: where it was found, or which wheel it was unpacked from. */
  readonly origin: string
  /** Notes on a library that works but is not the right one, for example a CPU build beside an NVIDIA GPU. */
  readonly notes: ReadonlyArray<string>
}

/** File names as TensorFlow's own packages give them; the 2 is the major version of the C ABI. */
export const libraryNames = (platform: Platform): { readonly cc: string; readonly framework: string } =>
  platform === "macos-arm64"
    ? { cc: "libtensorflow_cc.2.dylib", framework: "libtensorflow_framework.2.dylib" }
    : { cc: "libtensorflow_cc.so.2", framework: "libtensorflow_framework.so.2" }
