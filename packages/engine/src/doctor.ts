/** Examines the engine on this machine: its parts, its speed, its faults and their remedies. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { loadavg, release, tmpdir, totalmem } from "node:os"
import { cacheFolder } from "@winnow/files"
import { availableMemory } from "./available-memory.ts"
import type { Finding } from "./doctor/finding.ts"
import { canRunWheels, type Facts, judge } from "./doctor/findings.ts"
import type { Measured, Probe } from "./doctor/probe.ts"
import { type Processor, processor } from "./doctor/processor.ts"
import { type LookOptions, lookAround, type Place, type Surroundings } from "./doctor/surroundings.ts"
import { cachedLibrary } from "./library/cache.ts"
import { type Attempt, LibraryNotFound } from "./library/error.ts"
import type { Library } from "./library/library.ts"
import { type LocateOptions, locateLibrary } from "./library/locate.ts"
import { currentPlatform, seesNvidiaGpu } from "./library/platform.ts"
import type { NativeInfo } from "./native/open.ts"

/** The facts and findings of `winnow doctor`; plain data, the form of its `--json`. */
export interface Diagnosis {
  /** False if a finding is an error: the engine cannot work. */
  readonly works: boolean
  readonly library: (Library & { readonly tensorflow: string | null }) | null
  /** The attempts to get a library, if there is none. */
  readonly attempts: ReadonlyArray<Attempt>
  readonly system: Facts["system"] & { readonly release: string }
  readonly processor: Processor
  readonly surroundings: Surroundings
  readonly engine: {
    /** Names of all devices that TensorFlow has. */
    readonly devices: ReadonlyArray<string>
    /** The place of float tensors: "CPU" or "GPU"; null if the engine does not open. */
    readonly device: string | null
    /** Threads within one op, unless an experiment chooses otherwise. */
    readonly threads: number
  }
  /** The native library, or the reason why there is none; null if the engine does not open. */
  readonly native: NativeInfo | null
  /** Null if the engine does not open, or for bfloat16 if the processor has no instructions for it. */
  readonly measured: {
    readonly product: {
      readonly size: number
      readonly gflops: number
      readonly bfloat16Gflops: number | null
      /** Measured with the native library, in each precision. */
      readonly native: Measured["native"]
    } | null
    readonly opMicroseconds: number | null
  }
  /** Versions of Bun and of packages, by name. */
  readonly versions: Readonly<Record<string, string>>
  readonly findings: ReadonlyArray<Finding>
}

/** The Bun version of this repository's tests: that of its types. */
const TESTED_BUN = "1.4.5"

const { resolve } = createRequire(import.meta.url)

/** Version that an installed package states; `resolve` is that of a package which depends on it. */
export const packageVersion = (name: string, resolve: (id: string) => string): string => {
  try {
    return JSON.parse(readFileSync(resolve(`${name}/package.json`), "utf8")).version
  } catch {
    return "not found"
  }
}

/** Options of the examination. */
export interface ExamineOptions {
  /**
   * Opens the library of a folder in a separate process and measures it there, with float32 or bfloat16 products. The
   * package that binds the library supplies it (`probe` of `@winnow/tensor`).
   */
  readonly probe: (directory: string, products: "float32" | "bfloat16") => Promise<Probe>
  /** Versions of other packages, to report with the engine's own. */
  readonly versions?: Readonly<Record<string, string>>
  /** Folders that other packages write to, to be examined beside the cache and the folder for temporary files. */
  readonly places?: ReadonlyArray<Place>
  /** For tests. */
  readonly locate?: LocateOptions
  /** For tests: means to look around in the place of the machine's own. */
  readonly look?: Partial<LookOptions>
}

/** The cache and the folder for temporary files, to which pip downloads: the first use writes the library to both. */
const ownPlaces = (hasLibrary: boolean): ReadonlyArray<Place> => [
  {
    use: "the cache",
    folder: cacheFolder("libtensorflow"),
    variable: "XDG_CACHE_HOME",
    needed: hasLibrary ? 0.1e9 : 1.2e9,
    loads: true,
  },
  {
    use: "temporary files",
    folder: tmpdir(),
    variable: "TMPDIR",
    needed: hasLibrary ? 0.05e9 : 0.3e9,
    loads: false,
  },
]

/**
 * Examines the machine. Downloads the library if it is missing, like any first use; takes 5 to 20 seconds after that.
 */
export const examine = async (options: ExamineOptions): Promise<Diagnosis> => {
  const library = await locateLibrary(options.locate).catch((cause: unknown) => {
    if (cause instanceof LibraryNotFound) return cause.attempts
    throw cause
  })
  const [libraryHere, attempts] = "directory" in library ? [library, []] : [undefined, library]
  const [cpu, system, damage] = [processor(), await systemFacts(), libraryHere && (await damageOf(libraryHere))]
  const runs = libraryHere !== undefined && damage === undefined && canRunWheels(system.platform, cpu)
  const single = runs ? await options.probe(libraryHere.directory, "float32") : undefined
  const half =
    single?.works && cpu.bfloat16 !== "none" && !single.usesGpu
      ? await options.probe(libraryHere!.directory, "bfloat16")
      : undefined
  const threads = Number(process.env["TF_NUM_INTRAOP_THREADS"]) || cpu.threads
  const surroundings = await lookAround({
    places: [...ownPlaces(libraryHere !== undefined), ...(options.places ?? [])],
    library: libraryHere?.directory,
    nvidiaGpu: system.nvidiaGpu,
    ...options.look,
  })
  const facts: Facts = {
    system,
    processor: cpu,
    bun: { found: Bun.version, tested: TESTED_BUN },
    library,
    damage,
    probe: single,
    threads,
    surroundings,
  }
  const findings = judge(facts)
  return {
    works: findings.every(({ level }) => level !== "error"),
    library: libraryHere === undefined ? null : { ...libraryHere, tensorflow: single?.works ? single.version : null },
    attempts,
    system: { ...system, release: `${process.platform} ${release()}` },
    processor: cpu,
    surroundings,
    engine: {
      devices: single?.works ? single.devices.map(({ name }) => name) : [],
      device: single?.works ? single.device.type : null,
      threads,
    },
    native: single?.works ? single.native : null,
    measured: {
      product: single?.works
        ? {
            size: single.measured.size,
            gflops: single.measured.gflops,
            bfloat16Gflops: half?.works ? half.measured.gflops : null,
            native: single.measured.native,
          }
        : null,
      opMicroseconds: single?.works ? single.measured.opMicroseconds : null,
    },
    versions: {
      bun: Bun.version,
      arktype: packageVersion("arktype", resolve),
      ...options.versions,
    },
    findings,
  }
}

/** Reads every byte of a library that Winnow unpacked; for any other library no checksums are known. */
const damageOf = async (library: Library): Promise<string | undefined> => {
  if (library.source !== "cache" && library.source !== "download") return undefined
  try {
    await cachedLibrary(library.directory, library.platform, true)
    return undefined
  } catch (cause) {
    return (cause as Error).message
  }
}

const systemFacts = async (): Promise<Facts["system"]> => {
  let platform: string | undefined
  try {
    platform = currentPlatform()
  } catch {
    platform = undefined // The library's attempts give the reason.
  }
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  return {
    platform,
    glibc: report?.header?.glibcVersionRuntime,
    memory: totalmem(),
    availableMemory: availableMemory(),
    nvidiaGpu: await seesNvidiaGpu(),
    load: loadavg()[0]!,
  }
}
