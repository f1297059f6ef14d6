/** `winnow stage KEY`: one stage of a launch, as the job of a cluster runs it. */
import { spawnSync } from "node:child_process"
import { DataError } from "@winnow/core"
import type { FileError } from "@winnow/files"
import { launchOf, runLaunched, srunMeeting, winnowHome } from "@winnow/lab"
import { Console, Effect, Fiber, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { engine, joined } from "../engine.ts"
import { viewOnStderr } from "../view.ts"

/** Waits for SIGUSR2, which says that the time of the job is nearly over. */
const timeIsUp = Effect.callback<void>((resume) => {
  const told = () => resume(Effect.void)
  process.once("SIGUSR2", told)
  return Effect.sync(() => void process.off("SIGUSR2", told))
})

/** Queues this job again, by the command that its launcher gave it. @error DataError if there is none, or it fails */
const queueAgain = (label: string): Effect.Effect<void, DataError> => {
  const [command, ...args] = (process.env["WINNOW_REQUEUE"] ?? "").split(" ")
  if (!command)
    return Effect.fail(new DataError({ message: `${label} stopped with a checkpoint; run it again to go on` }))
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" })
  if (status === 0) return Effect.void
  const reason = error?.message ?? stderr.trim()
  return Effect.fail(new DataError({ message: `${label} stopped with a checkpoint, and ${command} failed: ${reason}` }))
}

/** The command. */
export const stageCommand = Command.make(
  "stage",
  {
    key: Argument.String("KEY").pipe(
      Argument.withDescription("key of a stage of a launch, or its beginning; --dry-run --verbose shows keys"),
    ),
    launch: Flag.Directory("launch").pipe(
      Flag.optional,
      Flag.withDescription("folder of the launch; that of the store which has the stage if left out"),
    ),
  },
  Effect.fn("stage")(function* ({ key: begin, launch }) {
    const { folder, key } = yield* Effect.suspend(() =>
      Option.isSome(launch)
        ? Effect.succeed({ folder: launch.value, key: begin })
        : Effect.try({ try: () => launchOf(winnowHome(), begin), catch: (error) => error as FileError }),
    )
    // Before the engine is opened: a signal without a listener would end the process.
    const fiber = yield* Effect.forkChild(timeIsUp)
    const meeting = srunMeeting(folder, key)
    yield* meeting === undefined ? engine : joined(meeting)
    const { rank = 0 } = meeting ?? {}
    const view = viewOnStderr()
    // The others go on until rank 0 has its checkpoint and ends.
    const end = yield* runLaunched(folder, key, rank === 0 ? Fiber.join(fiber) : Effect.never, view.report, rank).pipe(
      Effect.ensuring(Effect.sync(view.end)),
    )
    if (end._tag === "stopped") return yield* queueAgain(`stage ${key.slice(0, 10)}`)
    if (end._tag === "stored") yield* Console.log(end.artifact.directory)
  }),
).pipe(Command.withDescription("Run one stage of a launch: the job of a cluster does, and anyone may"))
