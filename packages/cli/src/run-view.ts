/** Parts that commands share which run an experiment: progress on stderr, and the message of a stopped run. */
import { datasetsLayer } from "@winnow/data"
import { Progress } from "@winnow/lab"
import { Effect, Layer } from "effect"
import { withPage } from "./live-page.ts"
import { withTensorBoard } from "./tensorboard-logs.ts"
import { viewOnStderr } from "./view.ts"

const howToGoOn = Effect.sync(() =>
  process.stderr.write(
    "\nStopped. Finished work is kept, a running stage at its last checkpoint: run the same command to continue.\n",
  ),
)

/**
 * A program with a view of its progress on stderr, in full or in short, and data sets whose downloads are shown in it.
 *
 * @param options.beside folder of the experiment, where relative paths of data are looked for first
 * @param options.watch true: a page shows the runs as well
 * @param options.tensorboard folder that gets TensorBoard logs of the runs
 */
export const viewed = <A, E, R>(
  program: Effect.Effect<A, E, R>,
  {
    verbose,
    beside,
    watch = false,
    tensorboard,
  }: {
    readonly verbose: boolean
    readonly beside?: string | undefined
    readonly watch?: boolean | undefined
    readonly tensorboard?: string | undefined
  },
) =>
  Effect.suspend(() => {
    const view = viewOnStderr({ brief: !verbose })
    const running = Effect.gen(function* () {
      const paged = watch ? yield* withPage(view) : view
      const shown = tensorboard === undefined ? paged : yield* withTensorBoard(paged, tensorboard)
      const datasets = datasetsLayer({
        beside,
        onProgress: ({ file, received }) =>
          shown.report({ _tag: "download", file: file.path, done: received, total: file.bytes }),
      })
      return yield* program.pipe(Effect.provide(Layer.merge(datasets, Layer.succeed(Progress, shown))))
    })
    return Effect.scoped(running).pipe(
      Effect.ensuring(Effect.sync(view.end)),
      Effect.onInterrupt(() => howToGoOn),
    )
  })
