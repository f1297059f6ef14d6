/** The folder of a run's results. It never overwrites a record that git tracks. */
import { spawnSync } from "node:child_process"
import { dirname, join } from "node:path"

/** True if git tracks a folder's run.json; false outside of a repository. */
export const isPublished = (directory: string): boolean => {
  const tracked = ["-C", dirname(directory), "ls-files", "--error-unmatch", join(directory, "run.json")]
  return spawnSync("git", tracked, { stdio: "ignore" }).status === 0
}

/**
 * The folder that a run writes its results to: its own, or `<run>.local` beside a published record of the same name, whose
 * figures of the clock are another machine's.
 */
export const ownFolder = (directory: string): string => (isPublished(directory) ? `${directory}.local` : directory)
