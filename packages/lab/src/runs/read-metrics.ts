/** The steps of a run's trainings, from the file beside its record. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { DataError } from "@winnow/core"
import { parseJson, readRegularText } from "@winnow/files"
import { Effect } from "effect"

/** The lines of metrics.jsonl; none without the file. @error DataError for a line that is not JSON: names it */
export const readMetrics = (directory: string): Effect.Effect<ReadonlyArray<Record<string, unknown>>, DataError> => {
  const file = join(directory, "metrics.jsonl")
  if (!existsSync(file)) return Effect.succeed([])
  return Effect.try({
    try: () =>
      readRegularText(file, { most: 1 << 30, what: "the steps of a run" })
        .split("\n")
        .flatMap((line, i) => {
          if (line === "") return []
          try {
            return [parseJson(line) as Record<string, unknown>]
          } catch (error) {
            throw new Error(`line ${i + 1}: ${String(error)}`)
          }
        }),
    catch: (error) => new DataError({ message: `${file} cannot be read: ${(error as Error).message}`, cause: error }),
  })
}
