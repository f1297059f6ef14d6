/**
 * Builds the native library of one variant into the user's cache, once for its sources, flags and compiler.
 *
 * A build is a folder named by the hash of all that goes into it. It is made in a working folder beside it, under a lock,
 * and gets its name by one rename: under the final name it is whole. Its manifest holds the library's SHA-256, which every
 * start compares (the library has some hundred kilobytes), so that a file which was cut short is built again and not loaded.
 */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type } from "arktype"
import { AttemptFailed } from "../library/error.ts"
import { type LockTimes, withLock } from "../library/lock.ts"
import { makeWorkFolder, sweep, workFolder } from "../library/work.ts"
import { type Compilation, compileUnits, link } from "./compile.ts"
import type { Compiler } from "./compiler.ts"
import { commonFlags, type Variant, variants } from "./variant.ts"

/** Where builds come from and go to. */
export interface BuildOptions {
  /** Folder of the builds; made if it is not there. */
  readonly cache: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Told one line when a build begins, or waits for another process's. */
  readonly say: (line: string) => void
  readonly lockTimes?: LockTimes
}

/** The sources, read once: what is hashed is what is compiled, whatever happens to the files meanwhile. */
export interface Sources {
  readonly folder: string
  /** Text by file name, every .cpp and .h of the folder, sorted by name. */
  readonly files: ReadonlyArray<readonly [name: string, text: string]>
  /** SHA-256 of all of them. */
  readonly sha256: string
}

export const LIBRARY = "libwinnow.so"
const MANIFEST = "manifest.json"
/** Builds that stay in the cache: a folder of sources that is worked on gives a new one at each change. */
const KEPT_BUILDS = 16

const Manifest = type({ "+": "reject", sha256: "string.hex == 64", variant: "string", compiler: "string" })

const sha256 = (data: string | Uint8Array): string => new Bun.CryptoHasher("sha256").update(data).digest("hex")

/** Reads the sources of a folder. @error AttemptFailed when it holds no .cpp file */
export const readSources = async (folder: string): Promise<Sources> => {
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(cpp|h)$/.test(name)).toSorted()
  if (!names.some((name) => name.endsWith(".cpp"))) throw new AttemptFailed(`${folder} has no C++ sources`)
  const files = await Promise.all(
    names.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const),
  )
  return { folder, files, sha256: sha256(JSON.stringify(files)) }
}

/** Name of the folder of a build. */
export const buildKey = (sources: Sources, variant: Variant, compiler: Compiler): string => {
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

/** On Linux a symbol that nobody defines fails the link, not the first call. */
const linkFlags = ["-shared", "-pthread", ...(process.platform === "linux" ? ["-Wl,-z,defs"] : [])]

/** Path of a build's library if it is there and whole. */
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
 * @error AttemptFailed when it does not compile, with the compiler's first error lines; what writing the cache throws
 */
export const buildLibrary = async (
  sources: Sources,
  variant: Variant,
  compiler: Compiler,
  options: BuildOptions,
): Promise<string> => {
  const { cache, say } = options
  const folder = join(cache, buildKey(sources, variant, compiler))
  const there = await cached(folder)
  if (there !== undefined) return there
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
        const made = join(work, "build")
        await mkdir(made)
        await compile(sources, variant, compiler, join(work, "objects"), join(made, LIBRARY), options.env)
        const manifest = {
          sha256: sha256(await readFile(join(made, LIBRARY))),
          variant,
          compiler: compiler.version,
        } satisfies typeof Manifest.infer
        await writeFile(join(made, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true })
        await rename(folder, join(work, "broken")).catch((cause: NodeJS.ErrnoException) => {
          if (cause.code !== "ENOENT") throw cause
        })
        await rename(made, folder)
        await forgetOld(cache)
        return join(folder, LIBRARY)
      } finally {
        await rm(work, { recursive: true, force: true })
      }
    },
    (holder) =>
      say(
        `winnow: waiting for ${holder === undefined ? "another process" : `process ${holder.pid} on ${holder.host}`}, which is compiling the native library.`,
      ),
    options.lockTimes,
  )
}

/** Compiles the sources as they were read, in `work`, and links them to `library`. */
const compile = async (
  sources: Sources,
  variant: Variant,
  compiler: Compiler,
  work: string,
  library: string,
  env: BuildOptions["env"],
): Promise<void> => {
  await mkdir(work)
  await Promise.all(sources.files.map(([name, text]) => writeFile(join(work, name), text)))
  const units = sources.files.flatMap(([name]) => (name.endsWith(".cpp") ? [join(work, name)] : []))
  const compilation: Compilation = {
    compiler,
    env,
    flags: [...commonFlags, ...variants[variant].flags],
    linkFlags,
    purpose: variant,
    words: (output) => output.replaceAll(work, sources.folder),
  }
  await link(await compileUnits(units, work, compilation), library, compilation)
}

/** Removes the oldest builds. One that another process has loaded works on: its file lives until it is let go. */
const forgetOld = async (cache: string): Promise<void> => {
  const folders = (await readdir(cache)).filter((name) => /-[0-9a-f]{24}$/.test(name))
  const aged = await Promise.all(
    folders.map(async (name) => ({ name, time: (await stat(join(cache, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
  )
  for (const { name } of aged.toSorted((a, b) => b.time - a.time).slice(KEPT_BUILDS))
    await rm(join(cache, name), { recursive: true, force: true })
}
