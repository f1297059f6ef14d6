/**
 * Compiles and links C++ in child processes, as many at once as there are cores.
 *
 * The cache keeps objects by the hash of their inputs, so that a change of one source compiles only the units that it
 * affects.
 */
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { dirname, join } from "node:path"
import { sha256, writeWhole } from "@winnow/files"
import { AttemptFailed } from "../library/error.ts"
import { type Compiler, firstErrors, run } from "./compiler.ts"
import { type Sources, unitHash } from "./sources.ts"

/** The inputs of a compilation, and the folders that it writes to. */
export interface Compilation {
  readonly sources: Sources
  readonly compiler: Compiler
  readonly env: Readonly<Record<string, string | undefined>>
  /** Flags of compiling, and of linking. */
  readonly flags: ReadonlyArray<string>
  readonly linkFlags: ReadonlyArray<string>
  /** The purpose, in errors: "avx2". */
  readonly purpose: string
  /** A private folder to work in: the sources are copied there. */
  readonly work: string
  /** Folder of objects that stay. */
  readonly objects: string
}

/** A unit that does not compile. */
export class UnitFailed extends AttemptFailed {
  constructor(
    message: string,
    remedy: string,
    readonly unit: string,
  ) {
    super(message, remedy)
  }
}

/** Number of objects that stay: those of some dozen states of the sources. */
const KEPT_OBJECTS = 400

const remedy =
  "Use another or a newer compiler (GCC 9, Clang 10 and newer are expected to work): install one, or name it by CXX."

const wordsOf = ({ work, sources, purpose, compiler }: Compilation, what: string, output: string) =>
  `${what} for ${purpose} with ${compiler.version} failed:\n${firstErrors(output).replaceAll(work, sources.folder)}`

const keptObject = ({ sources, compiler, flags, objects }: Compilation, unit: string) =>
  join(
    objects,
    `${sha256(JSON.stringify([unitHash(sources, unit), join(sources.folder, unit), compiler, flags, process.arch]))}.o`,
  )

/** Copies the sources into the folder of work. */
export const layOut = async ({ sources, work, objects }: Compilation): Promise<void> => {
  await mkdir(objects, { recursive: true })
  for (const [name, text] of sources.files) {
    await mkdir(dirname(join(work, name)), { recursive: true })
    await writeFile(join(work, name), text)
  }
}

/**
 * Compiles each unit in a separate process. After a failure no other is started.
 *
 * @returns paths of the objects in the folder of work, in the order of the units
 * @error UnitFailed with the first error lines
 */
export const compileUnits = async (
  units: ReadonlyArray<string>,
  compilation: Compilation,
): Promise<ReadonlyArray<string>> => {
  const waiting = units.toReversed()
  const failures: Array<UnitFailed> = []
  const worker = async () => {
    for (let unit = waiting.pop(); unit !== undefined && failures.length === 0; unit = waiting.pop())
      await compileUnit(unit, compilation).catch((cause: UnitFailed) => void failures.push(cause))
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  if (failures[0] !== undefined) throw failures[0]
  return units.map((unit) => join(compilation.work, `${unit}.o`))
}

const compileUnit = async (unit: string, compilation: Compilation): Promise<void> => {
  const { sources, compiler, env, flags, work } = compilation
  const [object, kept] = [join(work, `${unit}.o`), keptObject(compilation, unit)]
  if (
    await copyFile(kept, object).then(
      () => true,
      () => false,
    )
  )
    return
  // The object then names the sources at their place, for debuggers and sanitizers, and not a deleted folder.
  const paths = `-ffile-prefix-map=${work}=${sources.folder}`
  const { ok, output } = await run([...compiler.command, ...flags, paths, "-c", join(work, unit), "-o", object], env)
  if (!ok) throw new UnitFailed(wordsOf(compilation, `compiling ${unit}`, output), remedy, unit)
  writeWhole(kept, await readFile(object))
}

/** Links compiled units. @error AttemptFailed with the first error lines */
export const link = async (units: ReadonlyArray<string>, out: string, compilation: Compilation): Promise<void> => {
  const { compiler, env, linkFlags, work } = compilation
  const objects = units.map((unit) => join(work, `${unit}.o`))
  const { ok, output } = await run([...compiler.command, ...objects, ...linkFlags, "-o", out], env)
  if (ok) return
  // A disk may have damaged kept objects: the next start compiles everything.
  for (const unit of units) await rm(keptObject(compilation, unit), { force: true })
  throw new AttemptFailed(wordsOf(compilation, "linking", output), remedy)
}

/** Removes the oldest objects. */
export const forgetObjects = async (objects: string): Promise<void> => {
  const names = await readdir(objects)
  if (names.length <= KEPT_OBJECTS) return
  const aged = await Promise.all(
    names.map(async (name) => ({ name, time: (await stat(join(objects, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
  )
  for (const { name } of aged.toSorted((a, b) => b.time - a.time).slice(KEPT_OBJECTS))
    await rm(join(objects, name), { force: true })
}
