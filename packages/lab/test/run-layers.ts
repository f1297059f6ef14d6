/** The services of a run in a folder of its own. */
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { Layer } from "effect"
import { makeRunStore, Progress, type ProgressEvent, RunStore, Store } from "../src/index.ts"

/**
 * The services of a run whose store and index of runs are in `home`.
 *
 * @param options.results folder of results; `results` in `home` if left out
 * @param options.report told of the progress; nobody is if left out
 * @param options.datasets data sets; none can be had if left out
 */
export const runLayers = (
  home: string,
  options: {
    readonly results?: string
    readonly report?: (event: ProgressEvent) => void
    readonly datasets?: ReturnType<typeof datasetsLayer>
  } = {},
) => {
  const {
    results = join(home, "results"),
    report = () => {},
    datasets = datasetsLayer({ folder: undefined }),
  } = options
  const runs = makeRunStore(home, [results], () => {})
  return Layer.mergeAll(Store.layer(home), Layer.succeed(RunStore, runs), datasets, Layer.succeed(Progress, { report }))
}
