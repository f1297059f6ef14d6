/** Data sets of a test. */
import { DataError, type Datasets } from "@winnow/core"
import { Effect } from "effect"

/** A service that has these records, by the path of their file, whatever their SHA-256. */
export const datasetsOf = (files: Readonly<Record<string, ReadonlyArray<unknown>>>): Datasets["Service"] => ({
  locate: ({ path }) => Effect.fail(new DataError({ message: `${path} has records alone` })),
  own: (path) => Effect.fail(new DataError({ message: `${path} is no data set of this test` })),
  repository: (from) => Effect.fail(new DataError({ message: `${from} is no data set of this test` })),
  lines: ({ path }) => {
    const lines = files[path]
    return lines === undefined ? Effect.fail(new DataError({ message: `no ${path}` })) : Effect.succeed(lines)
  },
})
