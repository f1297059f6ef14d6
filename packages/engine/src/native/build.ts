/**
 * Builds the native library of one variant into the user's cache, once for its sources, flags and compiler.
 *
 * A build is a folder named by the hash of all its inputs. It is made in a working folder beside it, under a lock, and
 * gets its name by one rename: under the final name it is whole. Its manifest holds the library's SHA-256, which every
 * start compares (the library has some hundred kilobytes), so that a truncated file is built again and not loaded.
 */
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import { type LockTimes, placeFolder, sha256, withLock, writeWhole } from "@winnow/files"
import { type } from "arktype"
import { makeWorkFolder, sweep, workFolder } from "../work.ts"
import { type Compilation, compileUnits, forgetObjects, layOut, link } from "./compile.ts"
import type { Compiler } from "./compiler.ts"
import { type Sources, unitsOf } from "./sources.ts"
import { commonFlags, type Variant, variants } from "./variant.ts"

/** The place of builds. */
export interface BuildOptions {
  /** Folder of the builds; created if it is missing. */
  readonly cache: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Gets one line at the beginning of a build, or of a wait for another process. */
  readonly say: (line: string) => void
  readonly lockTimes?: LockTimes
}

const LIBRARY = "libwinnow.so"
const MANIFEST = "manifest.json"
/** Number of builds that stay in the cache: each change of the sources adds one. */
const KEPT_BUILDS = 16

const Manifest = type({ "+": "reject", sha256: "string.hex == 64", variant: "string", compiler: "string" })

/** On Linux an undefined symbol fails the link, not the first call. */
const linkFlags = ["-shared", "-pthread", ...(process.platform === "linux" ? ["-Wl,-z,defs"] : [])]

/** Folder in `cache` of the objects that stay between builds. */
export const objectsFolder = (cache: string): string => join(cache, "objects")

/** Name of the folder of a build. */
const buildKey = (sources: Sources, variant: Variant, compiler: Compiler): string => {
  const all = [
    sources.sha256,
    commonFlags,
    variants[variant].flags,
    linkFlags,
    compiler,
    process.platform,
    process.arch,
  ]
  return `${variant}-${sha256(JSON.stringify(all)).slice(0, 24)}`
}

/** Path of a build's library if it exists and is whole. */
const cached = async (folder: string): Promise<string | undefined> => {
  try {
    const manifest = Manifest.assert(JSON.parse(await readFile(join(folder, MANIFEST), "utf8")))
    const path = join(folder, LIBRARY)
    return sha256(await readFile(path)) === manifest.sha256 ? path : undefined
  } catch {
    return undefined
  }
}

/**
 * Path of the variant's library, built now or before.
 *
 * @param first a unit to compile before all others, alone: one that has failed for another variant
 * @error UnitFailed, AttemptFailed if it does not compile or link, with the first error lines; errors of writing the
 * cache
 */
export const buildLibrary = async (
  sources: Sources,
  variant: Variant,
  compiler: Compiler,
  options: BuildOptions,
  first?: string,
): Promise<string> => {
  const { cache, say } = options
  const folder = join(cache, buildKey(sources, variant, compiler))
  const existing = await cached(folder)
  if (existing !== undefined) return existing
  await mkdir(cache, { recursive: true })
  return await withLock(
    `${folder}.lock`,
    async (owner) => {
      const meanwhile = await cached(folder)
      if (meanwhile !== undefined) return meanwhile
      await sweep(cache)
      say(
        `winnow: compiling its native library for ${variant} with ${compiler.version}: seconds, once for this version and processor.`,
      )
      const work = workFolder(cache, owner)
      try {
        await makeWorkFolder(work, owner)
        const folderInWork = join(work, "build")
        await mkdir(folderInWork)
        const compilation: Compilation = {
          sources,
          compiler,
          env: options.env,
          flags: [...commonFlags, ...variants[variant].flags],
          linkFlags,
          purpose: variant,
          work: join(work, "sources"),
          objects: objectsFolder(cache),
        }
        await layOut(compilation)
        if (first !== undefined) await compileUnits([first], compilation)
        const units = unitsOf(sources)
        await compileUnits(units, compilation)
        await link(units, join(folderInWork, LIBRARY), compilation)
        const manifest = {
          sha256: sha256(await readFile(join(folderInWork, LIBRARY))),
          variant,
          compiler: compiler.version,
        } satisfies typeof Manifest.infer
        writeWhole(join(folderInWork, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`)
        placeFolder(folderInWork, folder, join(work, "broken"))
        await forgetOld(cache)
        return join(folder, LIBRARY)
      } finally {
        await rm(work, { recursive: true, force: true })
      }
    },
    {
      onWait: (holder) =>
        say(
          `winnow: waiting for ${holder === undefined ? "another process" : `process ${holder.pid} on ${holder.host}`}, which is compiling the native library.`,
        ),
      ...(options.lockTimes === undefined ? {} : { times: options.lockTimes }),
    },
  )
}

/**
 * Removes the oldest builds and objects. A build that another process has loaded still works: its file lives until it
 * is closed.
 */
const forgetOld = async (cache: string): Promise<void> => {
  await forgetObjects(objectsFolder(cache))
  const folders = (await readdir(cache)).filter((name) => /-[0-9a-f]{24}$/.test(name))
  const aged = await Promise.all(
    folders.map(async (name) => ({ name, time: (await stat(join(cache, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
  )
  for (const { name } of aged.toSorted((a, b) => b.time - a.time).slice(KEPT_BUILDS))
    await rm(join(cache, name), { recursive: true, force: true })
}
