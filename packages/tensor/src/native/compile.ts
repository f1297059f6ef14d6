/** Compiling and linking C++ in child processes, as many at once as there are cores. */
import { availableParallelism } from "node:os"
import { basename, join } from "node:path"
import { AttemptFailed } from "../library/error.ts"
import { type Compiler, firstErrors, run } from "./compiler.ts"

/** What is made of what. */
export interface Compilation {
  readonly compiler: Compiler
  readonly env: Readonly<Record<string, string | undefined>>
  /** Flags of compiling, and of linking. */
  readonly flags: ReadonlyArray<string>
  readonly linkFlags: ReadonlyArray<string>
  /** What it is for, in errors: "avx2". */
  readonly purpose: string
  /** Turns paths in the compiler's words into those that people know. */
  readonly words?: (output: string) => string
}

const failed = ({ compiler, words = (text) => text, purpose }: Compilation, what: string, output: string) =>
  new AttemptFailed(
    `${what} for ${purpose} with ${compiler.version} failed:\n${words(firstErrors(output))}`,
    "Use another or a newer compiler (GCC 9, Clang 10 and newer are expected to work): install one, or name it by CXX.",
  )

/**
 * Compiles each unit in a process of its own. The first that fails ends the others.
 *
 * @param units paths of .cpp files
 * @param folder for the objects
 * @returns paths of the objects, in the order of the units
 * @error AttemptFailed with the first error lines
 */
export const compileUnits = async (
  units: ReadonlyArray<string>,
  folder: string,
  compilation: Compilation,
): Promise<ReadonlyArray<string>> => {
  const { compiler, env, flags } = compilation
  const object = (unit: string) => join(folder, `${basename(unit)}.o`)
  const abort = new AbortController()
  const waiting = units.toReversed()
  const worker = async () => {
    for (let unit = waiting.pop(); unit !== undefined && !abort.signal.aborted; unit = waiting.pop()) {
      const { ok, output } = await run(
        [...compiler.command, ...flags, "-c", unit, "-o", object(unit)],
        env,
        abort.signal,
      )
      if (ok || abort.signal.aborted) continue
      abort.abort()
      throw failed(compilation, `compiling ${basename(unit)}`, output)
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: availableParallelism() }, worker))
  for (const one of ended) if (one.status === "rejected") throw one.reason
  return units.map(object)
}

/** Links objects. @error AttemptFailed with the first error lines */
export const link = async (objects: ReadonlyArray<string>, out: string, compilation: Compilation): Promise<void> => {
  const { compiler, env, linkFlags } = compilation
  const { ok, output } = await run([...compiler.command, ...objects, ...linkFlags, "-o", out], env)
  if (!ok) throw failed(compilation, "linking", output)
}
