/**
 * Finds libtensorflow on this machine, or downloads it: the user has nothing to do.
 *
 * The order is WINNOW_LIBTENSORFLOW, the cache, the Python on PATH, and then a download into the cache; see
 * `docs/engine.md`.
 */
import { join, resolve } from "node:path"
import { cacheFolder } from "@winnow/files"
import { cachedLibrary, folderOf, readManifest } from "./cache.ts"
import { type DownloadOptions, downloadLibraries } from "./download.ts"
import { type Attempt, failedAttempt, LibraryNotFound } from "./error.ts"
import { librariesIn } from "./folder.ts"
import { httpsWay } from "./https.ts"
import type { Flavour, Library, Platform } from "./library.ts"
import { pipWay } from "./pip.ts"
import { currentPlatform, flavours, seesNvidiaGpu } from "./platform.ts"
import { createMeter } from "./progress.ts"
import { pythonLibrary } from "./python.ts"
import { type Wheel, wheelFor } from "./wheels.ts"

/** Parts that a test, or an unusual installation, may replace; each default is the real one. */
export interface LocateOptions extends Partial<Omit<DownloadOptions, "platform">> {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly platform?: Platform
  /** True requests the CUDA build. */
  readonly gpu?: boolean
  readonly wheelFor?: (platform: Platform, flavour: Flavour) => Wheel
}

/**
 * A libtensorflow that is whole and built for this machine.
 *
 * A WINNOW_LIBTENSORFLOW that is set and wrong is an error, not a reason to look elsewhere: it is an explicit request.
 * If the library is in the cache (the usual case), no process starts, no file is read whole and nothing is printed.
 *
 * @error LibraryNotFound with every place and way that was tried
 */
export const locateLibrary = async (options: LocateOptions = {}): Promise<Library> => {
  const env = options.env ?? process.env
  const attempts: Array<Attempt> = []
  const attempt = async <T>(where: string, look: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await look()
    } catch (cause) {
      attempts.push(failedAttempt(where, cause))
      return undefined
    }
  }

  const platform = options.platform ?? (await attempt("platform", async () => currentPlatform()))
  if (platform === undefined) throw new LibraryNotFound(attempts)

  const folder = env["WINNOW_LIBTENSORFLOW"]
  if (folder !== undefined && folder !== "") {
    const files = await attempt("WINNOW_LIBTENSORFLOW", () => librariesIn(folder, platform))
    if (files === undefined) throw new LibraryNotFound([{ ...attempts[0]!, remedy: givenRemedy }])
    return await fromGivenFolder(resolve(folder), files, platform)
  }
  attempts.push({ where: "WINNOW_LIBTENSORFLOW", why: "not set" })

  const gpu = options.gpu ?? (await seesNvidiaGpu(env))
  const cache = options.cache ?? cacheFolder("libtensorflow", env)
  const wheels = flavours(platform, gpu).map((flavour) => (options.wheelFor ?? wheelFor)(platform, flavour))
  const inCache = (wheel: Wheel) =>
    attempt("cache", () => cachedLibrary(join(cache, folderOf(wheel, platform)), platform))
  const best = await inCache(wheels[0]!)
  if (best !== undefined) return { ...best, platform, source: "cache", notes: [] }

  const python = await attempt("python", () => pythonLibrary(platform, env))
  if (python !== undefined)
    return { ...python, platform, source: "python", notes: gpu && python.flavour === "cpu" ? [cpuBesideGpu] : [] }

  const meter = options.meter ?? createMeter()
  for (const [rank, wheel] of wheels.entries()) {
    const notes = rank === 0 ? [] : [cpuBesideGpu]
    const cached = rank === 0 ? undefined : await inCache(wheel)
    if (cached !== undefined) return { ...cached, platform, source: "cache", notes }
    const got = await downloadLibraries(wheel, {
      ...options,
      cache,
      platform,
      meter,
      ways: options.ways ?? [pipWay(env), httpsWay()],
    })
    attempts.push(...got.attempts)
    if (got.outcome === "failed") continue
    const library = await attempt("cache", () => cachedLibrary(got.directory, platform))
    if (library !== undefined)
      return { ...library, platform, source: got.outcome === "done" ? "download" : "cache", notes }
  }
  throw new LibraryNotFound(attempts)
}

const givenRemedy =
  "Set WINNOW_LIBTENSORFLOW to the folder that holds both libraries, or unset it to have Winnow look for them."

const cpuBesideGpu =
  "an NVIDIA GPU is seen, and this is a CPU build; the CUDA build could not be had, or Python's TensorFlow has none"

/** A folder that Winnow unpacked keeps its manifest after copies; any other folder is known only by its files. */
const fromGivenFolder = async (directory: string, files: Library["files"], platform: Platform): Promise<Library> => {
  const manifest = await readManifest(directory).catch(() => undefined)
  return {
    directory,
    version: manifest?.version ?? "unknown",
    flavour: manifest?.flavour,
    source: "WINNOW_LIBTENSORFLOW",
    platform,
    files,
    origin: manifest === undefined ? "a folder from WINNOW_LIBTENSORFLOW" : `unpacked from ${manifest.wheel.fileName}`,
    notes: [],
  }
}
