/**
 * The wheels of PyPI that contain libtensorflow, by machine, with their known facts.
 *
 * All four are of release 2.21.0, the one of the conformance suite; the library does not depend on the version of
 * Python, so one tag (cp311) serves everybody, with or without that Python. `sha256` is pinned if we have checked the
 * file ourselves. Otherwise it is undefined, and the file must match the checksum from the index (pip checks it; over
 * HTTPS it comes from PyPI's JSON); besides, every unpacked library is checked against the checksums in the wheel's own
 * RECORD.
 */
import type { Flavour, Platform } from "./library.ts"

/** The release of TensorFlow that is downloaded. */
export const TENSORFLOW_VERSION = "2.21.0"

/**
 * The oldest TensorFlow that is used from an installed Python.
 *
 * 2.18 began the generation of 2.21: CUDA 12.5 with cuDNN 9, so the same driver serves; no older one was ever run with
 * this binding. A folder in WINNOW_LIBTENSORFLOW is used with any version.
 */
export const OLDEST_VERSION = "2.18"

/** One wheel, in the terms of a request to an index. */
export interface Wheel {
  readonly version: string
  /** Name on the index. */
  readonly project: string
  /** Version of CPython in the file's tag, in the form of pip's --python-version. */
  readonly python: string
  /** The file's platform tag. */
  readonly tag: string
  readonly fileName: string
  readonly flavour: Flavour
  /** Lower-case hex; undefined if no checksum is pinned. */
  readonly sha256: string | undefined
  /** Bytes of the wheel: exact if `sha256` is pinned, else an upper estimate for the free-space check. */
  readonly bytes: number
  /** Bytes of both unpacked libraries, exact or estimated likewise. */
  readonly unpackedBytes: number
}

const wheel = (
  project: string,
  tag: string,
  flavour: Flavour,
  facts: { readonly sha256?: string; readonly bytes: number; readonly unpackedBytes: number },
): Wheel => ({
  version: TENSORFLOW_VERSION,
  project,
  python: "3.11",
  tag,
  fileName: `${project.replaceAll("-", "_")}-${TENSORFLOW_VERSION}-cp311-cp311-${tag}.whl`,
  flavour,
  sha256: facts.sha256,
  bytes: facts.bytes,
  unpackedBytes: facts.unpackedBytes,
})

const guess = { cpu: { bytes: 300e6, unpackedBytes: 1000e6 }, gpu: { bytes: 700e6, unpackedBytes: 2000e6 } }

/**
 * The wheel for a machine.
 *
 * `tensorflow-cpu` is published only for x86-64. On arm64 the wheel named `tensorflow` is the CPU build, on Linux and
 * on macOS; on Linux x86-64 that name is the CUDA build.
 */
export const wheelFor = (platform: Platform, flavour: Flavour): Wheel => {
  if (platform === "macos-arm64") return wheel("tensorflow", "macosx_12_0_arm64", "cpu", guess.cpu)
  if (platform === "linux-arm64") return wheel("tensorflow", "manylinux_2_27_aarch64", "cpu", guess.cpu)
  if (flavour === "gpu") return wheel("tensorflow", "manylinux_2_27_x86_64", "gpu", guess.gpu)
  return wheel("tensorflow-cpu", "manylinux_2_27_x86_64", "cpu", {
    sha256: "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
    bytes: 273_829_956,
    unpackedBytes: 853_308_936,
  })
}
