/**
 * Opens the native library: the best variant that compiles, loads and computes correctly here, or the reason why there
 * is none.
 */
import { availableParallelism } from "node:os"
import { cacheFolder } from "@winnow/files"
import { processorFlags } from "../doctor/processor.ts"
import { AttemptFailed, failedAttempt } from "../library/error.ts"
import { type BuildOptions, buildLibrary } from "./build.ts"
import { UnitFailed } from "./compile.ts"
import { findCompiler } from "./compiler.ts"
import type { Functions, FunctionTable } from "./functions.ts"
import { loadLibrary } from "./load.ts"
import { readSources } from "./sources.ts"
import { type Variant, variantsToTry } from "./variant.ts"

/** The library, opened. */
export interface OpenedNative<Table extends FunctionTable> {
  readonly variant: Variant
  /** Path of the shared object. */
  readonly path: string
  /** SHA-256 of its sources. */
  readonly sources: string
  /** Better variants that failed, with the reason of each. */
  readonly notes: ReadonlyArray<string>
  readonly C: Functions<Table>
}

/** The reason why there is no library. */
export interface MissingNative {
  readonly missing: string
  /** The remedy, unless the user asked for this. */
  readonly remedy?: string
}

/** The facts about the native library for reports and records. */
export type NativeInfo = Pick<OpenedNative<FunctionTable>, "variant" | "path" | "sources" | "notes"> | MissingNative

/** All fields except `table` and `sources` are for tests. */
export interface OpenNativeOptions<Table extends FunctionTable> extends Partial<BuildOptions> {
  /** The functions that the library must have. */
  readonly table: Table
  /** Folder of the C++ sources. */
  readonly sources: string
  /** The features of the processor, by the names in /proc/cpuinfo. */
  readonly processor?: ReadonlySet<string>
}

/**
 * Opens the best variant: built at its first use, by the compiler of this machine. Without a variant, one message says
 * so.
 *
 * The environment variable WINNOW_NATIVE names a variant, and then no other is tried; "off" switches the library off.
 *
 * @error AttemptFailed for a WINNOW_NATIVE that is unknown, that this processor cannot run, or that does not open: a
 * named variant is never replaced by another
 */
export const openNative = async <Table extends FunctionTable>(
  options: OpenNativeOptions<Table>,
): Promise<OpenedNative<Table> | MissingNative> => {
  const env = options.env ?? process.env
  const say = options.say ?? ((line: string) => void process.stderr.write(`${line}\n`))
  let building = false
  /** A build for the next variant, after a failure, needs no message. */
  const sayOnce = (line: string) => {
    if (!building) say(line)
    building = true
  }
  const cache = options.cache ?? cacheFolder("native", env)
  const toTry = variantsToTry(options.processor ?? processorFlags(), env["WINNOW_NATIVE"])
  if (toTry.length === 0) return { missing: "switched off by WINNOW_NATIVE=off" }
  const notes: Array<string> = []
  let remedy: string | undefined
  let failedUnit: string | undefined
  try {
    const sources = await readSources(options.sources)
    const compiler = await findCompiler(env)
    for (const variant of toTry) {
      try {
        const path = await buildLibrary(
          sources,
          variant,
          compiler,
          { ...options, cache, env, say: sayOnce },
          failedUnit,
        )
        const C = loadLibrary(path, sources, options.table) as Functions<Table>
        if (notes.length > 0) say(`winnow: its native library is that for ${variant}, since\n${indented(notes)}`)
        return { variant, path, sources: sources.sha256, notes, C }
      } catch (cause) {
        if (!(cause instanceof AttemptFailed)) throw cause
        notes.push(cause.message)
        remedy ??= cause.remedy
        if (cause instanceof UnitFailed) failedUnit = cause.unit
      }
    }
  } catch (cause) {
    const attempt = failedAttempt("native library", cause)
    notes.push(attempt.why)
    remedy ??= attempt.remedy
  }
  // The same fault affects every variant; the best one's message is enough.
  const missing = notes[0]!
  if (env["WINNOW_NATIVE"])
    throw new AttemptFailed(
      `WINNOW_NATIVE is "${env["WINNOW_NATIVE"]}", and it cannot be opened: ${missing}`,
      remedy ?? "Leave WINNOW_NATIVE out to have slower code run in its place.",
    )
  say(`winnow: there is no native library, slower code runs in its place, since\n${indented([missing])}`)
  if (remedy !== undefined) say(`  ${remedy}`)
  return { missing, ...(remedy === undefined ? {} : { remedy }) }
}

const indented = (texts: ReadonlyArray<string>) =>
  texts
    .flatMap((text) => text.split("\n"))
    .map((line) => `  ${line}`)
    .join("\n")

/** Threads of parallel loops, unless the engine was opened with another number: as many as TensorFlow's ops have. */
export const defaultThreads = (): number => Number(process.env["TF_NUM_INTRAOP_THREADS"]) || availableParallelism()
