/**
 * The folder that a stage fills: `<key>.partial`. Files used only to resume (checkpoints, names that begin with a dot,
 * `.tmp` files of a killed process) are removed before the folder becomes an artifact.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join, relative, sep } from "node:path"
import { writeWhole } from "@winnow/files"

/** Folder of a partial artifact that is left out of the whole one: checkpoints to resume from. */
export const checkpoints = "checkpoints"

/**
 * True if a partial artifact has a checkpoint, pieces of signals or portions of a text; without these its stage begins
 * again.
 */
export const hasCheckpoint = (partial: string): boolean => {
  const has = (folder: string, start: string) =>
    existsSync(folder) && readdirSync(folder).some((name) => name.startsWith(start))
  return has(join(partial, checkpoints), "step-") || has(partial, "piece-") || has(partial, ".portion-")
}

/** A text that changes with each new checkpoint, piece of signals or portion of a text. */
export const attemptMark = (partial: string): string => {
  const names = (folder: string) => (existsSync(folder) ? readdirSync(folder) : [])
  const pieces = names(partial).filter((name) => name.startsWith("piece-") || name.startsWith(".portion-"))
  const steps = names(join(partial, checkpoints)).filter((name) => name.startsWith("step-"))
  return [...pieces, ...steps]
    .filter((name) => !isTemporary(name))
    .toSorted()
    .join(" ")
}

const isTemporary = (path: string) => path.endsWith(".tmp")
const isOwn = (name: string) => name === checkpoints || name.startsWith(".") || isTemporary(name)

const filesUnder = (folder: string, under: string): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesUnder(path, under) : [relative(under, path)]
  })

/** Files of the future artifact, by their path in the folder, without the manifest. */
export const artifactFiles = (partial: string): ReadonlyArray<string> =>
  filesUnder(partial, partial)
    .filter((path) => !isOwn(path.split(sep)[0]!) && !isTemporary(path) && path !== "manifest.json")
    .toSorted()

/** Removes the files that only serve to resume, once the other files are whole. */
export const removeOwn = (partial: string): void => {
  for (const name of readdirSync(partial).filter(isOwn)) rmSync(join(partial, name), { recursive: true, force: true })
}

/** Removes half-written files of a killed attempt. */
export const removeTemporary = (partial: string): void => {
  for (const path of filesUnder(partial, partial).filter(isTemporary)) rmSync(join(partial, path), { force: true })
}

/** The file that names the inputs of the attempts so far. An attempt with other inputs begins again. */
const inputsFile = ".inputs"

/**
 * Begins an attempt: removes results that earlier attempts computed from other inputs.
 *
 * @param inputs a text that differs if an input's bytes differ
 * @returns true if it removed a checkpoint
 */
export const beginAttempt = (partial: string, inputs: string): boolean => {
  const file = join(partial, inputsFile)
  mkdirSync(partial, { recursive: true })
  if (existsSync(file) && readFileSync(file, "utf8") === inputs) return false
  const hadCheckpoint = hasCheckpoint(partial)
  rmSync(partial, { recursive: true })
  mkdirSync(partial)
  writeWhole(file, inputs)
  return hadCheckpoint
}

/** Seconds of the stopped attempts, so that an artifact's time covers all its attempts. */
const spentFile = ".seconds"

/** Seconds of the earlier attempts; 0 if none is noted. */
export const secondsSpent = (partial: string): number => {
  const file = join(partial, spentFile)
  const seconds = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0
  return Number.isFinite(seconds) && seconds > 0 ? seconds : 0
}

/** Notes the seconds of all attempts so far, whole or not at all. */
export const noteSeconds = (partial: string, seconds: number): void => {
  if (!existsSync(partial)) return
  writeWhole(join(partial, spentFile), String(seconds), { flush: false })
}
