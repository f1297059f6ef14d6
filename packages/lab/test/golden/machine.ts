/** The name of a machine's arithmetic: what decides bits beside the code. */
import { readFileSync } from "node:fs"
import { engineInfo } from "@winnow/tensor"
import { arithmetic } from "../../src/store/code/arithmetic.ts"

/** Instructions that TensorFlow and the native code choose their loops by. */
const featureNames = ["avx", "avx2", "fma", "avx512f", "avx512vl", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16"]

const flags = (): ReadonlyArray<string> => {
  try {
    const line = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? ""
    const has = new Set(line.trim().split(/\s+/))
    return featureNames.filter((flag) => has.has(flag))
  } catch {
    return []
  }
}

/** Such as "cpu avx512 float32 tensorflow 2.21.0 x64: avx avx2 fma"; the engine must be open. */
export const machineName = (): string => {
  const { device, products, native } = arithmetic()
  return `${device.toLowerCase()} ${native} ${products} tensorflow ${engineInfo().version} ${process.arch}: ${flags().join(" ")}`
}
