/** A command with a live page: `--watch`. */
import { InvalidInput } from "@winnow/core"
import { type ProgressEvent, startWatching, type Watching, WatchSource } from "@winnow/lab"
import { Effect, type Scope } from "effect"
import type { View } from "./screen.ts"

/** Starts the server of a page. @error InvalidInput for a port that is taken */
export const watching = (source: WatchSource, port = 0): Effect.Effect<Watching, InvalidInput> =>
  Effect.tryPromise({
    try: () => startWatching(source, port),
    catch: (error) => {
      if (error instanceof InvalidInput) return error
      throw error
    },
  })

/**
 * The view, with a page that shows the runs as well, for the lifetime of the scope; says its address. The page follows
 * each run from its log. This process serves it, between the steps of a training.
 */
export const withPage = (view: View): Effect.Effect<View, InvalidInput, Scope.Scope> =>
  Effect.gen(function* () {
    const source = new WatchSource()
    const { url } = yield* Effect.acquireRelease(watching(source), ({ close }) => Effect.promise(close))
    view.report({ _tag: "note", text: `live page: ${url}` })
    const report = (event: ProgressEvent) => {
      if (event._tag === "begun" && event.log !== null) source.follow(event.log)
      view.report(event)
    }
    return { ...view, report }
  })
