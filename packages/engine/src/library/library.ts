/** A libtensorflow: the two shared libraries, their place, and their source. */

/** The machines for which TensorFlow publishes libraries and the binding is written. */
export type Platform = "linux-x86-64" | "linux-arm64" | "macos-arm64"

/** `gpu` is the build with CUDA kernels, which exists only for linux-x86-64. */
export type Flavour = "cpu" | "gpu"

/** The one of four places that supplied the library. */
export type LibrarySource = "WINNOW_LIBTENSORFLOW" | "cache" | "python" | "download"

/** A usable libtensorflow on this machine. */
export interface Library {
  /** Absolute path of the folder with both files. */
  readonly directory: string
  /** As stated by the package of the library, for example "2.21.0"; "unknown" for a bare folder (ask `TF_Version`). */
  readonly version: string
  readonly source: LibrarySource
  /** Undefined if only loading it would tell. */
  readonly flavour: Flavour | undefined
  readonly platform: Platform
  /** Absolute paths. `framework` must be loaded, or loadable, before `cc`, which depends on it. */
  readonly files: { readonly cc: string; readonly framework: string }
  /** One line for people: the place of the library, or the wheel that it was unpacked from. */
  readonly origin: string
  /** Notes on a library that works but is not the best one, for example a CPU build beside an NVIDIA GPU. */
  readonly notes: ReadonlyArray<string>
}

/** File names in TensorFlow's own packages; the 2 is the major version of the C ABI. */
export const libraryNames = (platform: Platform): { readonly cc: string; readonly framework: string } =>
  platform === "macos-arm64"
    ? { cc: "libtensorflow_cc.2.dylib", framework: "libtensorflow_framework.2.dylib" }
    : { cc: "libtensorflow_cc.so.2", framework: "libtensorflow_framework.so.2" }
