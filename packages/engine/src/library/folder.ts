/** Checks if a folder has both libraries, whole and for this machine. */
import { join, resolve } from "node:path"
import { AttemptFailed } from "./error.ts"
import { type Library, libraryNames, type Platform } from "./library.ts"
import { sharedObjectProblem } from "./shared-object.ts"

/**
 * The absolute paths of both libraries in `directory`.
 *
 * @error AttemptFailed naming every file that is missing, truncated or of another machine
 */
export const librariesIn = async (directory: string, platform: Platform): Promise<Library["files"]> => {
  const names = libraryNames(platform)
  const files = { cc: resolve(join(directory, names.cc)), framework: resolve(join(directory, names.framework)) }
  const problems = await Promise.all([files.cc, files.framework].map((file) => sharedObjectProblem(file, platform)))
  const faults = problems.filter((problem) => problem !== undefined)
  if (faults.length > 0) throw new AttemptFailed(faults.join("\n"))
  return files
}
