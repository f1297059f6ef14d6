/**
 * Downloads the libraries of a wheel into the cache: by one process at a time, in a separate folder, with one rename at
 * the end.
 *
 * A process killed at any moment leaves a lock whose owner is gone, and a working folder; the next one takes over the
 * lock and removes the folder. A file under the final name is therefore always whole.
 */
import { mkdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { type LockTimes, type Owner, placeFolder, sha256OfFileInTurns, syncPath, withLock } from "@winnow/files"
import { makeWorkFolder, sweep, workFolder } from "../work.ts"
import { cachedLibrary, folderOf, type Manifest, manifestFile, writeManifest } from "./cache.ts"
import { type Attempt, AttemptFailed, failedAttempt } from "./error.ts"
import type { Platform } from "./library.ts"
import type { Meter } from "./progress.ts"
import { freeBytes, noSpace, requireSpace } from "./space.ts"
import { unpackLibraries } from "./unpack.ts"
import type { Fetched, Way } from "./way.ts"
import type { Wheel } from "./wheels.ts"

/** The inputs of a download besides the wheel. */
export interface DownloadOptions {
  readonly cache: string
  readonly platform: Platform
  readonly ways: ReadonlyArray<Way>
  readonly meter: Meter
  readonly freeBytes?: (folder: string) => Promise<number>
  readonly lockTimes?: LockTimes
}

/** Room for the file system's own structures. */
const MARGIN = 20e6

/** Outcome of a download: `done` here, `by another` process meanwhile, or neither; with the ways that failed. */
export interface Downloaded {
  readonly outcome: "done" | "by another" | "failed"
  /** The folder of the libraries, unless it failed. */
  readonly directory: string
  readonly attempts: ReadonlyArray<Attempt>
}

/** Downloads the libraries of `wheel` by the first way that works; never throws. */
export const downloadLibraries = async (wheel: Wheel, options: DownloadOptions): Promise<Downloaded> => {
  const { cache, platform, meter } = options
  const directory = join(cache, folderOf(wheel, platform))
  try {
    await mkdir(cache, { recursive: true })
    return await withLock(
      `${directory}.lock`,
      async (owner) => {
        const library = await cachedLibrary(directory, platform).catch(() => undefined)
        if (library !== undefined) return { outcome: "by another", directory, attempts: [] }
        await sweep(cache)
        return await tryWays(wheel, directory, owner, options)
      },
      {
        onWait: (holder) =>
          meter.say(
            `Waiting for ${holder === undefined ? "another process" : `process ${holder.pid} on ${holder.host}`}, which is getting libtensorflow.`,
          ),
        ...(options.lockTimes === undefined ? {} : { times: options.lockTimes }),
      },
    )
  } catch (cause) {
    return { outcome: "failed", directory, attempts: [failedAttempt("download", cause)] }
  }
}

const tryWays = async (
  wheel: Wheel,
  directory: string,
  owner: Owner,
  options: DownloadOptions,
): Promise<Downloaded> => {
  const free = options.freeBytes ?? freeBytes
  const needed = wheel.bytes + wheel.unpackedBytes + MARGIN
  await requireSpace(options.cache, needed, free)
  const work = workFolder(options.cache, owner)
  const attempts: Array<Attempt> = []
  try {
    await makeWorkFolder(work, owner)
    for (const way of options.ways) {
      try {
        await install(way, wheel, join(work, way.name), directory, options)
        return { outcome: "done", directory, attempts }
      } catch (cause) {
        const full = ["ENOSPC", "EDQUOT"].includes((cause as NodeJS.ErrnoException).code ?? "")
        const attempt = failedAttempt(
          way.name,
          full ? noSpace(options.cache, needed, await free(options.cache)) : cause,
        )
        attempts.push(attempt)
        options.meter.say(`By ${way.name} it failed: ${attempt.why.split("\n").at(-1)}`)
        await rm(join(work, way.name), { recursive: true, force: true })
      }
    }
    return { outcome: "failed", directory, attempts }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

const install = async (way: Way, wheel: Wheel, work: string, directory: string, options: DownloadOptions) => {
  const { platform, meter } = options
  const [fetchFolder, libraryFolder] = [join(work, "wheel"), join(work, "library")]
  await mkdir(fetchFolder, { recursive: true })
  const fetched = await way.get(wheel, fetchFolder, meter)
  const provenance = await verify(way, wheel, fetched)
  const unpacked = await unpackLibraries(fetched.path, platform, libraryFolder, meter, (bytes) =>
    requireSpace(options.cache, bytes, options.freeBytes),
  )
  writeManifest(libraryFolder, {
    format: 1,
    version: wheel.version,
    platform,
    flavour: wheel.flavour,
    wheel: provenance,
    files: await Promise.all(unpacked.map(({ name, sha256 }) => manifestFile(libraryFolder, name, sha256))),
  })
  await cachedLibrary(libraryFolder, platform) // A fault is reported before the folder gets its final name.
  syncPath(libraryFolder)
  placeFolder(libraryFolder, directory, join(work, "replaced"))
}

const verify = async (way: Way, wheel: Wheel, fetched: Fetched): Promise<Manifest["wheel"]> => {
  const sha256 = await sha256OfFileInTurns(fetched.path)
  const expected = wheel.sha256 ?? fetched.stated
  if (expected !== undefined && sha256 !== expected)
    throw new AttemptFailed(`${wheel.fileName} came with SHA-256 ${sha256}, expected ${expected}`)
  const statedBy = wheel.sha256 !== undefined ? "pinned" : way.name === "pip" ? "pip" : "index"
  return { fileName: wheel.fileName, sha256, statedBy }
}
