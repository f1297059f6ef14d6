/** Facts about what lies around the engine: disks, mounts, locale, other copies of the library, libraries of a GPU. */
import { accessSync, constants, existsSync, readdirSync, readFileSync, realpathSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { freeBytes } from "../library/space.ts"

type Environment = Readonly<Record<string, string | undefined>>

/** A folder that Winnow writes to. */
export interface Place {
  /** Its use: "the cache", and so on. */
  readonly use: string
  readonly folder: string
  /** The variable that moves it. */
  readonly variable: string
  /** Bytes that its first use takes. */
  readonly needed: number
  /** True if libraries are loaded from it. */
  readonly loads: boolean
}

/** A place with the facts of its disk. */
export interface Disk extends Place {
  /** Bytes; undefined if the system does not tell. */
  readonly free: number | undefined
  readonly writable: boolean
  /** True if the mount forbids to load libraries. */
  readonly noexec: boolean
}

/** All facts of the surroundings. */
export interface Surroundings {
  readonly disks: ReadonlyArray<Disk>
  /** The locale of the process where it is another than UTF-8: the variable with its value. */
  readonly locale: string | undefined
  /** Other copies of TensorFlow's libraries that the loader meets before ours, each with the variable that names it. */
  readonly otherCopies: ReadonlyArray<{ readonly file: string; readonly variable: string }>
  /** Libraries of CUDA and cuDNN that no place has; empty without a GPU. */
  readonly missingGpuLibraries: ReadonlyArray<string>
}

/** Means to look around; the machine's own if left out. */
export interface LookOptions {
  readonly env?: Environment
  readonly places: ReadonlyArray<Place>
  /** The folder of the library in use; undefined if there is none. */
  readonly library: string | undefined
  readonly nvidiaGpu: boolean
  readonly free?: (folder: string) => Promise<number>
  /** The text of /proc/self/mountinfo. */
  readonly mounts?: string
  /** The text of `ldconfig -p`. */
  readonly loaderCache?: string
}

/** The folder itself, or the nearest one above it that is there. */
const existing = (folder: string): string => (existsSync(folder) ? folder : existing(dirname(folder)))

const canWrite = (folder: string): boolean => {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

const textOf = (file: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return ""
  }
}

/** True if the mount of a folder, the longest that it begins with, has the option `noexec`. */
export const isNoexec = (folder: string, mounts: string): boolean => {
  let best = { point: "", noexec: false }
  for (const line of mounts.split("\n")) {
    const [, , , , point, options] = line.split(" ")
    if (point === undefined || options === undefined) continue
    const above = point === "/" ? "/" : `${point}/`
    if ((folder === point || folder.startsWith(above)) && point.length >= best.point.length)
      best = { point, noexec: options.split(",").includes("noexec") }
  }
  return best.noexec
}

/** The variable that decides over the locale, where it asks for another encoding than UTF-8. */
export const otherLocale = (env: Environment): string | undefined => {
  const name = ["LC_ALL", "LC_CTYPE", "LANG"].find((variable) => env[variable])
  return name === undefined || /utf-?8/i.test(env[name]!) ? undefined : `${name}=${env[name]}`
}

const searched = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] as const
const names = /^libtensorflow_(cc|framework)\.(so\.2|2\.dylib)$/

const filesIn = (folder: string): ReadonlyArray<string> => {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

const foldersOf = (env: Environment, variable: string) =>
  (env[variable] ?? "").split(":").filter((folder) => folder !== "")

/** Copies of TensorFlow's libraries on the loader's own path, and preloaded ones. */
export const otherCopies = (env: Environment, library: string | undefined): Surroundings["otherCopies"] => {
  const own = library === undefined ? "" : realpathSync(library)
  const onPath = searched.flatMap((variable) =>
    foldersOf(env, variable).flatMap((folder) =>
      filesIn(folder)
        .filter((name) => names.test(name))
        .map((name) => ({ file: join(resolve(folder), name), variable })),
    ),
  )
  const preloaded = (env["LD_PRELOAD"] ?? "")
    .split(/[\s:]+/)
    .filter((file) => names.test(basename(file)))
    .map((file) => ({ file, variable: "LD_PRELOAD" }))
  return [...onPath, ...preloaded].filter(({ file }) => !existsSync(file) || dirname(realpathSync(file)) !== own)
}

/** Libraries that TensorFlow's CUDA build opens by name. */
const gpuLibraries = [
  "libcudart.so.12",
  "libcublas.so.12",
  "libcublasLt.so.12",
  "libcufft.so.11",
  "libcusolver.so.11",
  "libcusparse.so.12",
  "libcudnn.so.9",
]

/** Libraries of a GPU that lie on no path of the loader, nor beside a TensorFlow in Python. */
export const missingGpuLibraries = (
  env: Environment,
  library: string | undefined,
  loaderCache: string,
): ReadonlyArray<string> => {
  const beside = library === undefined ? "" : join(dirname(library), "nvidia")
  const folders = [
    ...foldersOf(env, "LD_LIBRARY_PATH"),
    "/usr/local/cuda/lib64",
    ...(library === undefined ? [] : filesIn(beside).map((name) => join(beside, name, "lib"))),
  ]
  return gpuLibraries.filter(
    (name) => !loaderCache.includes(`${name} `) && !folders.some((folder) => existsSync(join(folder, name))),
  )
}

const askLoader = (): string => {
  try {
    return Bun.spawnSync(["/sbin/ldconfig", "-p"], { stderr: "ignore", timeout: 5000 }).stdout.toString()
  } catch {
    return ""
  }
}

/** Looks around. */
export const lookAround = async (options: LookOptions): Promise<Surroundings> => {
  const { env = process.env, places, library, nvidiaGpu, free = freeBytes } = options
  const mounts = options.mounts ?? textOf("/proc/self/mountinfo")
  const disks = await Promise.all(
    places.map(async (place) => {
      const there = existing(resolve(place.folder))
      const bytes = await free(there).catch(() => undefined)
      return { ...place, free: bytes, writable: canWrite(there), noexec: isNoexec(there, mounts) }
    }),
  )
  return {
    disks,
    locale: otherLocale(env),
    otherCopies: otherCopies(env, library),
    missingGpuLibraries: nvidiaGpu ? missingGpuLibraries(env, library, options.loaderCache ?? askLoader()) : [],
  }
}
