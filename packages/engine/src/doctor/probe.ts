/** The answer of a process that opened the engine and measured it, for the doctor to judge. */
import type { NativeInfo } from "../native/open.ts"

/** Figures of an open engine, medians. */
export interface Measured {
  /** Rows and columns of the square matrices that were multiplied. */
  readonly size: number
  /** 1e9 multiplications and additions in a second. */
  readonly gflops: number
  /** The same by the native library, in each precision of its products; null where there is none. */
  readonly native: { readonly float32: number; readonly bfloat16: number } | null
  /** Of one addition of two vectors of 16, from the call to its return and disposal. */
  readonly opMicroseconds: number
  /** Largest error of a product whose exact value is known, relative to it. Float32 is exact there. */
  readonly productError: number
}

/** A device that TensorFlow sees: its full name, and "CPU" or "GPU". */
export interface ProbedDevice {
  readonly name: string
  readonly type: string
}

/** An engine that opened: its description and its figures. */
export interface WorkingProbe {
  readonly works: true
  /** TensorFlow's own word for its version. */
  readonly version: string
  readonly devices: ReadonlyArray<ProbedDevice>
  /** Where float tensors live. */
  readonly device: ProbedDevice
  readonly usesGpu: boolean
  readonly native: NativeInfo
  readonly measured: Measured
}

/** The result of a probe: an engine and its figures, or why there is none. */
export type Probe = WorkingProbe | { readonly works: false; readonly why: string }

const MARK = "winnow-probe:"

/** The line by which a probing process answers on stdout. */
export const probeAnswer = (answer: Probe): string => `${MARK}${JSON.stringify(answer)}\n`

/** Reads what a probe printed; a process that ended without its answer is told with its last words. */
export const readProbe = (stdout: string, stderr: string, ending: string): Probe => {
  const line = stdout.split("\n").find((text) => text.startsWith(MARK))
  if (line !== undefined) return JSON.parse(line.slice(MARK.length))
  const words = stderr.trim().split("\n").slice(-3).join("\n")
  return { works: false, why: `the process that loaded it ended by ${ending}${words === "" ? "" : `:\n${words}`}` }
}
