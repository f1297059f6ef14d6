/**
 * Rows of the vocabulary that the models of an experiment have in common: published models round their number up, each in
 * its own way, and the rows above the tokens were never trained.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { DataError, InvalidInput } from "@winnow/core"
import { isPadding, loadCodec } from "@winnow/data"
import { localFolder } from "@winnow/hub"
import { Context, Effect } from "effect"
import type { OwnStart } from "./experiment/start.ts"

/** The rows that folders with more of them are read to; undefined: all. */
export const SharedRows = Context.Reference<number | undefined>("@winnow/lab/SharedRows", {
  defaultValue: () => undefined,
})

/** The folder, or the reference to a hub, that a start has its weights from. */
export const folderOf = (start: OwnStart): string | undefined => {
  if (start.kind === "folder") return start.path
  if (start.kind === "tuned") return folderOf(start.of)
  return start.kind === "resized" && start.of !== "target" ? start.of.path : undefined
}

/**
 * The smallest number of rows, where every model with more is a folder whose further rows only round the number of its
 * tokens up. Undefined where all have one number, or where that is not so: the check of vocabularies refuses such models.
 */
export const sharedRows = (
  models: ReadonlyArray<{ readonly start: OwnStart; readonly vocabularySize: number }>,
): Effect.Effect<number | undefined, DataError | InvalidInput> =>
  Effect.gen(function* () {
    // A part of the target has the target's rows.
    const own = models.filter(({ start }) => start.kind === "fresh" || folderOf(start) !== undefined)
    const rows = Math.min(...own.map(({ vocabularySize }) => vocabularySize))
    const larger = own.filter(({ vocabularySize }) => vocabularySize > rows)
    if (larger.length === 0) return undefined
    for (const { start, vocabularySize } of larger) {
      const path = folderOf(start)
      const folder = path === undefined ? undefined : yield* localFolder(path)
      if (folder === undefined || !existsSync(join(folder, "tokenizer.json"))) return undefined
      const tokens = (yield* loadCodec(folder)).vocabularySize
      if (tokens > rows || !isPadding(vocabularySize, tokens)) return undefined
    }
    return rows
  })
