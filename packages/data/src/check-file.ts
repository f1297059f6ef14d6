/** Checks that a file on this machine has the expected content. */
import { stat } from "node:fs/promises"
import type { DatasetFile } from "@winnow/core"
import { sha256OfFileInTurns } from "@winnow/files"
import { Effect } from "effect"

/** The fault of a file, as text after its path; undefined if it has the right size and SHA-256. */
export const checkFile = (path: string, file: DatasetFile): Effect.Effect<string | undefined> =>
  Effect.promise(async () => {
    try {
      const stats = await stat(path)
      if (!stats.isFile()) return "is no file"
      if (stats.size !== file.bytes) return `has ${stats.size} bytes, expected ${file.bytes}`
      const digest = await sha256OfFileInTurns(path)
      return digest === file.sha256 ? undefined : `has SHA-256 ${digest}, expected ${file.sha256}`
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      return code === "ENOENT" || code === "ENOTDIR" ? "does not exist" : `could not be read: ${String(error)}`
    }
  })
