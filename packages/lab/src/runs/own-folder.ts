/** The folder of a run's results. It never overwrites a record that git tracks. */
import { spawnSync } from "node:child_process"
import { dirname, join } from "node:path"

/** True if git tracks a folder's run.json; false outside of a repository. */
export const isPublished = (directory: string): boolean => {
  const tracked = ["-C", dirname(directory), "ls-files", "--error-unmatch", join(directory, "run.json")]
  return spawnSync("git", tracked, { stdio: "ignore" }).status === 0
}

/**
 * The folder for a run's results: the run's own, or `<run>.local` beside a published record of the same name, because
 * the clock's figures in that record belong to another machine.
 */
export const ownFolder = (directory: string): string => (isPublished(directory) ? `${directory}.local` : directory)
