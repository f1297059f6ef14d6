/** The answer of a process that opened and measured the engine, for the doctor's judgement. */
import type { NativeInfo } from "../native/open.ts"

/** Figures of an open engine, medians. */
export interface Measured {
  /** Rows and columns of the square matrices in the product. */
  readonly size: number
  /** 1e9 multiplications and additions in a second. */
  readonly gflops: number
  /** The same by the native library, in each precision of its products; null without one. */
  readonly native: { readonly float32: number; readonly bfloat16: number } | null
  /** Time of one addition of two vectors of 16, from the call to its return and disposal. */
  readonly opMicroseconds: number
  /** Largest relative error of a product with a known exact value. Float32 is exact there. */
  readonly productError: number
}

/** A device of TensorFlow: its full name, and "CPU" or "GPU". */
export interface ProbedDevice {
  readonly name: string
  readonly type: string
}

/** An engine that opened: its description and its figures. */
export interface WorkingProbe {
  readonly works: true
  /** The version that TensorFlow itself reports. */
  readonly version: string
  readonly devices: ReadonlyArray<ProbedDevice>
  /** The device of float tensors. */
  readonly device: ProbedDevice
  readonly usesGpu: boolean
  readonly native: NativeInfo
  readonly measured: Measured
}

/** The result of a probe: an engine and its figures, or the reason why there is none. */
export type Probe = WorkingProbe | { readonly works: false; readonly why: string }

const MARK = "winnow-probe:"

/** The line on stdout with the answer of a probing process. */
export const probeAnswer = (answer: Probe): string => `${MARK}${JSON.stringify(answer)}\n`

/** Reads the output of a probe; for a process that ended without an answer it reports the last lines. */
export const readProbe = (stdout: string, stderr: string, ending: string): Probe => {
  const line = stdout.split("\n").find((text) => text.startsWith(MARK))
  if (line !== undefined) return JSON.parse(line.slice(MARK.length))
  const words = stderr.trim().split("\n").slice(-3).join("\n")
  return { works: false, why: `the process that loaded it ended by ${ending}${words === "" ? "" : `:\n${words}`}` }
}
