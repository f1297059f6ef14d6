/** The abilities of the processor, as reported by the operating system. */
import { readFileSync } from "node:fs"
import { availableParallelism, cpus } from "node:os"

/** The instructions that multiply bfloat16 matrices, fastest first. */
export type Bfloat16 = "AMX" | "AVX-512" | "Arm" | "none"

/** The processor of this machine. */
export interface Processor {
  readonly model: string
  /** Threads of execution that this process may use, within its affinity. */
  readonly threads: number
  /** Cores' worth of time that the process's control group may use; undefined without such a limit. */
  readonly quota: number | undefined
  /** Names of the instruction sets that decide the speed of matrix products, such as "avx512f"; empty if unknown. */
  readonly instructionSets: ReadonlyArray<string>
  readonly bfloat16: Bfloat16
}

/** The relevant ones of hundreds of flags: x86's names as in /proc/cpuinfo, Arm's names as on Linux and macOS. */
const relevant = [
  ...[
    "avx",
    "avx2",
    "fma",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
  ],
  ...["asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "svebf16", "sme"],
]

/** Every flag in the text of /proc/cpuinfo, x86 (`flags`) or Arm (`Features`); empty when it has none. */
export const flagsOf = (cpuinfo: string): ReadonlySet<string> =>
  new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/) ?? [])

/**
 * Every flag of this processor that Linux reports, without those that its kernel does not support; empty on other
 * systems.
 */
export const processorFlags = (): ReadonlySet<string> => flagsOf(textOf("/proc/cpuinfo"))

/** Reads the instruction sets from the text of /proc/cpuinfo. */
export const instructionSetsOf = (cpuinfo: string): ReadonlyArray<string> => {
  const flags = flagsOf(cpuinfo)
  return relevant.filter((name) => flags.has(name))
}

/** Reads the instruction sets from macOS's `sysctl hw.optional.arm`, lines such as `hw.optional.arm.FEAT_BF16: 1`. */
export const instructionSetsOfSysctl = (text: string): ReadonlyArray<string> => {
  const features = {
    FEAT_DotProd: "asimddp",
    FEAT_FP16: "asimdhp",
    FEAT_I8MM: "i8mm",
    FEAT_BF16: "bf16",
    FEAT_SME: "sme",
  }
  const names = Object.entries(features).flatMap(([feature, name]) =>
    new RegExp(`\\.${feature}: 1$`, "m").test(text) ? [name] : [],
  )
  return relevant.filter((name) => name === "asimd" || names.includes(name)) // Every arm64 processor has asimd.
}

/** The instructions for bfloat16, by the names of instruction sets. */
export const bfloat16Of = (instructionSets: ReadonlyArray<string>): Bfloat16 => {
  if (instructionSets.includes("amx_bf16")) return "AMX"
  if (instructionSets.includes("avx512_bf16")) return "AVX-512"
  return instructionSets.includes("bf16") ? "Arm" : "none"
}

/** Cores' worth of time in a control group's limit: the text of cpu.max, "200000 100000" or "max 100000". */
export const quotaOf = (cpuMax: string): number | undefined => {
  const [quota, period] = cpuMax.trim().split(/\s+/).map(Number)
  return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : undefined
}

const textOf = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** Examines this machine. */
export const processor = (): Processor => {
  const instructionSets =
    process.platform === "darwin"
      ? instructionSetsOfSysctl(Bun.spawnSync(["/usr/sbin/sysctl", "hw.optional.arm"]).stdout.toString())
      : instructionSetsOf(textOf("/proc/cpuinfo"))
  const [first] = cpus()
  return {
    model: first?.model.trim() || process.arch,
    threads: availableParallelism(),
    quota: quotaOf(textOf("/sys/fs/cgroup/cpu.max")),
    instructionSets,
    bfloat16: bfloat16Of(instructionSets),
  }
}
