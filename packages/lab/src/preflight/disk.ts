/**
 * Caches of signals are large, and so are the states of trainings that a search cuts: their bytes are compared with the free
 * space of the disk before any stage runs.
 */
import { existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { DataError } from "@winnow/core"
import { freeBytes } from "@winnow/files"
import { Effect } from "effect"
import { inOrder, type Stage } from "../stage.ts"
import { Store } from "../store/store.ts"
import { binary } from "../table/format.ts"

/** The large artifacts that a run has yet to write. */
export interface DiskNeed {
  /** Their kinds, for people. */
  readonly of: ReadonlyArray<string>
  readonly stages: number
  /** Bytes that are still to be written, an estimate from the size of the data. */
  readonly bytes: number
  /** Free bytes on the disk of the store. */
  readonly free: number
}

/** Bytes of the pieces that a stopped attempt left. */
const bytesIn = (folder: string): number =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => /^piece-\d+\.bin$/.test(name))
        .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
    : 0

/** The need as a line of text. */
export const diskText = ({ of, stages, bytes, free }: DiskNeed): string =>
  `${of.join(" and ")}: ${binary(bytes)} to write in ${stages === 1 ? "1 stage" : `${stages} stages`}; ${binary(free)} are free`

/**
 * The large artifacts that these stages still have to write.
 *
 * @param free of a folder's disk; from the system by default
 * @returns undefined without any, or where the data that gives their size is not encoded yet
 * @error DataError if the disk has too little room for all of them
 */
export const checkDisk = (
  leaves: ReadonlyArray<Stage>,
  free: (folder: string) => number = freeBytes,
): Effect.Effect<DiskNeed | undefined, DataError, Store> =>
  Effect.gen(function* () {
    const { home, root } = yield* Store
    const left = inOrder(leaves).flatMap(({ kind, key, work: { bytes } }) => {
      if (bytes === undefined || existsSync(join(root, kind, key))) return []
      const of = kind === "signals" ? "caches of signals" : "states of trainings that a search cuts"
      return [{ of, bytes: Math.max(0, bytes - bytesIn(join(root, kind, `${key}.partial`))) }]
    })
    if (left.length === 0) return undefined
    const need = {
      of: [...new Set(left.map(({ of }) => of))].toSorted(),
      stages: left.length,
      bytes: left.reduce((sum, { bytes }) => sum + bytes, 0),
      free: free(home),
    }
    if (need.bytes <= need.free) return need
    const message = `${diskText(need)} on the disk of ${home}: free some, set WINNOW_HOME to a folder of a larger disk, or choose a smaller form (docs/signals.md)`
    return yield* new DataError({ message })
  })
