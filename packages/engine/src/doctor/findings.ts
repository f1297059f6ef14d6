/** Findings, good and bad, with their remedies: judged from facts alone, so that every case can be tested. */
import { isBusy } from "../busy.ts"
import type { Attempt } from "../library/error.ts"
import type { Library } from "../library/library.ts"
import { OLDEST_VERSION, TENSORFLOW_VERSION } from "../library/wheels.ts"
import type { Finding } from "./finding.ts"
import type { Probe } from "./probe.ts"
import type { Processor } from "./processor.ts"
import { surroundingFindings } from "./surrounding-findings.ts"
import type { Surroundings } from "./surroundings.ts"

/** The facts that the judgement uses. */
export interface Facts {
  readonly system: {
    /** "linux-x86-64" and so on; undefined for a platform without an engine. */
    readonly platform: string | undefined
    /** Version of the GNU C library; undefined on other systems. */
    readonly glibc: string | undefined
    /** Bytes. */
    readonly memory: number
    readonly availableMemory: number
    readonly nvidiaGpu: boolean
    /** Number of programs that wanted a processor, mean of the minute before the examination. */
    readonly load: number
  }
  readonly processor: Processor
  /** The version of this process, and the version of this repository's tests. */
  readonly bun: { readonly found: string; readonly tested: string }
  /** The library, or all failed attempts. */
  readonly library: Library | ReadonlyArray<Attempt>
  /** The damage of the files; undefined if there is none, or if nothing is known about them. */
  readonly damage: string | undefined
  /** Undefined if there was no library to try. */
  readonly probe: Probe | undefined
  readonly threads: number
  readonly surroundings: Surroundings
}

/** The quickstart's models, their gradients and libtensorflow fit in this many bytes. */
const COMFORTABLE_MEMORY = 3e9
/** The lowest rate of processors of the last ten years with AVX2 on one core, with a margin. */
const SLOW_GFLOPS_PER_THREAD = 10
const SLOW_OP_MICROSECONDS = 60

/** Judges the facts: errors come first, then warnings, then passed checks. */
export const judge = (facts: Facts): ReadonlyArray<Finding> => {
  const rank = { error: 0, warn: 1, ok: 2 }
  return [
    ...systemFindings(facts),
    ...libraryFindings(facts),
    ...engineFindings(facts),
    ...nativeFindings(facts),
    ...loadFindings(facts),
    ...surroundingFindings(facts.surroundings),
  ].toSorted((a, b) => rank[a.level] - rank[b.level])
}

/** True if this processor can run TensorFlow's wheels: the wheels for x86-64 are compiled for AVX. */
export const canRunWheels = (platform: string | undefined, { instructionSets }: Processor): boolean =>
  platform !== "linux-x86-64" || instructionSets.length === 0 || instructionSets.includes("avx")

const isOlder = (version: string, than: string): boolean => Bun.semver.order(padded(version), padded(than)) < 0
const padded = (version: string) => (/^\d+\.\d+$/.test(version) ? `${version}.0` : version)

const systemFindings = ({ system, processor, bun, threads }: Facts): Array<Finding> => {
  const findings: Array<Finding> = []
  if (!canRunWheels(system.platform, processor))
    findings.push({
      level: "error",
      about: "system",
      text: "this processor has no AVX, and TensorFlow's wheels for x86-64 need it",
      remedy: "Use another machine; in a virtual machine, let it see the host's processor (CPU type `host`).",
    })
  if (system.glibc !== undefined && isOlder(system.glibc, "2.27"))
    findings.push({
      level: "error",
      about: "system",
      text: `glibc is ${system.glibc}, TensorFlow's wheels need 2.27 or newer`,
      remedy: "Use a newer system (Debian 10, Ubuntu 18.04, RHEL 8 or later) or a container of one.",
    })
  if (isOlder(bun.found, bun.tested))
    findings.push({
      level: "warn",
      about: "bun",
      text: `Bun is ${bun.found}, Winnow is tested with ${bun.tested}`,
      remedy: "bun upgrade",
    })
  else findings.push({ level: "ok", about: "bun", text: `Bun ${bun.found}` })
  if (system.availableMemory < COMFORTABLE_MEMORY)
    findings.push({
      level: "warn",
      about: "memory",
      text: `${gigabytes(system.availableMemory)} of memory are available, of ${gigabytes(system.memory)}; the quickstart needs ${gigabytes(COMFORTABLE_MEMORY)}`,
      remedy: "Close other programs, or take smaller batches.",
    })
  if (processor.quota !== undefined && threads > Math.ceil(processor.quota))
    findings.push({
      level: "warn",
      about: "threads",
      text: `TensorFlow uses ${threads} threads, this container may use ${processor.quota} cores`,
      remedy: `TF_NUM_INTRAOP_THREADS=${Math.max(1, Math.floor(processor.quota))}`,
    })
  return findings
}

/** The engine works without native code, slower; a variant below the processor's best gets a note too. */
const nativeFindings = ({ probe }: Facts): Array<Finding> => {
  if (!probe?.works) return []
  const { native, usesGpu } = probe
  if (!("missing" in native)) {
    const { variant, notes } = native
    return notes.length === 0
      ? [{ level: "ok", about: "native", text: `native code for ${variant} runs and computes right` }]
      : [
          {
            level: "warn",
            about: "native",
            text: `native code is that for ${variant}; better for this processor would be another, and\n${notes.join("\n")}`,
            remedy:
              "Install a newer compiler (GCC 11 knows all that is used), or name it by CXX; a self-check that fails, report.",
          },
        ]
  }
  // On a GPU TensorFlow's own kernels are the fast ones: nothing is lost.
  return usesGpu
    ? []
    : [
        {
          level: "warn",
          about: "native",
          text: `no native code, slower TensorFlow ops run in its place: ${native.missing}`,
          remedy: native.remedy ?? "Unset WINNOW_NATIVE.",
        },
      ]
}

/** A busy machine explains slow figures, so the finding mentions the load. */
const loadFindings = ({ system, processor }: Facts): Array<Finding> =>
  !isBusy(system.load, processor.threads)
    ? []
    : [
        {
          level: "warn",
          about: "speed",
          text: `other programs are busy (load ${system.load.toFixed(1)} on ${processor.threads} cores): the figures are lower than on an idle machine`,
          remedy: "Measure again when they are done.",
        },
      ]

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`

const libraryFindings = ({ library, damage }: Facts): Array<Finding> => {
  if (!("directory" in library)) {
    const remedies = new Set(library.flatMap(({ remedy }) => remedy ?? []))
    return [
      {
        level: "error",
        about: "library",
        text: ["no libtensorflow; tried:", ...library.map(({ where, why }) => `${where}: ${why}`)].join("\n"),
        remedy: [...remedies, "See docs/engine.md for a machine without network."].join("\n"),
      },
    ]
  }
  const findings: Array<Finding> = library.notes.map((text) => ({
    level: "warn",
    about: "library",
    text,
    remedy: `Let pip reach the package \`tensorflow\` ${TENSORFLOW_VERSION} and start again, or set CUDA_VISIBLE_DEVICES=-1.`,
  }))
  if (damage === undefined) findings.push({ level: "ok", about: "library", text: `found: ${library.origin}` })
  else
    findings.push({
      level: "error",
      about: "library",
      text: damage,
      remedy: `Remove it, and the next start gets it again: rm -r '${library.directory}'`,
    })
  return findings
}

const gpuText = (missing: ReadonlyArray<string>): string =>
  `an NVIDIA GPU is seen, and TensorFlow does not use it${missing.length === 0 ? "" : `; no place of the loader has ${missing.join(", ")}`}`

const engineFindings = ({ system, probe, processor, threads, library, surroundings }: Facts): Array<Finding> => {
  if (probe === undefined) return []
  if (!probe.works)
    return [
      {
        level: "error",
        about: "engine",
        text: `the library cannot be used: ${probe.why}`,
        remedy:
          "directory" in library && library.source !== "download" && library.source !== "cache"
            ? `Take another library: ${library.source === "python" ? "leave that Python's environment" : "unset WINNOW_LIBTENSORFLOW"} and start again.`
            : "Report it with the output of `bun run winnow doctor --json`.",
      },
    ]
  const { measured, version, usesGpu, device } = probe
  const findings: Array<Finding> = []
  if (measured.productError > 0)
    findings.push({
      level: "error",
      about: "engine",
      text: `a product of whole numbers came out wrong, by ${measured.productError} of its value`,
      remedy:
        "Report it with the output of `bun run winnow doctor --json`, and do not trust figures from this machine.",
    })
  else findings.push({ level: "ok", about: "engine", text: `TensorFlow ${version} opens and computes right` })
  if (isOlder(version, OLDEST_VERSION) || !version.startsWith("2."))
    findings.push({
      level: "warn",
      about: "library",
      text: `TensorFlow is ${version}; Winnow was never run with one older than ${OLDEST_VERSION} or of another major version`,
      remedy: `Unset WINNOW_LIBTENSORFLOW to get ${TENSORFLOW_VERSION}.`,
    })
  else if (version !== TENSORFLOW_VERSION)
    findings.push({
      level: "warn",
      about: "library",
      text: `TensorFlow is ${version}; the conformance suite is run on ${TENSORFLOW_VERSION}`,
      remedy: "Run `bun run conformance` to see whether it passes here.",
    })
  if (system.nvidiaGpu && !usesGpu)
    findings.push({
      level: "warn",
      about: "device",
      text: gpuText(surroundings.missingGpuLibraries),
      remedy:
        "Check `nvidia-smi`; the CUDA 12 libraries and cuDNN 9 must be installed and on LD_LIBRARY_PATH (in Python: `pip install tensorflow[and-cuda]`).",
    })
  else findings.push({ level: "ok", about: "device", text: `computes on ${device.type}` })
  const expected = SLOW_GFLOPS_PER_THREAD * Math.min(threads, processor.quota ?? threads)
  if (!usesGpu && measured.gflops < expected)
    findings.push({
      level: "warn",
      about: "speed",
      text: `the matrix product reaches ${measured.gflops.toFixed(0)} GFLOP/s, less than the ${expected.toFixed(0)} of a slow processor with ${threads} threads`,
      remedy: "See whether other programs use the processor, and whether the machine saves power.",
    })
  if (measured.opMicroseconds > SLOW_OP_MICROSECONDS)
    findings.push({
      level: "warn",
      about: "speed",
      text: `one small op costs ${measured.opMicroseconds.toFixed(0)} us, 5 to 20 are usual`,
      remedy: "See whether other programs use the processor.",
    })
  return findings
}
