/** `winnow watch [RUN]`: a live page of a run that another process, or a job of a cluster, makes. */
import { join } from "node:path"
import { InvalidInput, outOfRange } from "@winnow/core"
import { LiveRun, logsIn, WatchSource, winnowHome } from "@winnow/lab"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { watching } from "../live-page.ts"
import { nearby } from "../nearby.ts"
import { described } from "../shared-flags.ts"

/** Logs that are read for a name: the newest. */
const most = 200

/** A run by its log. */
interface Logged {
  readonly log: string
  readonly run: LiveRun
}

/** True if a name refers to a run: its id or the beginning, its folder, its experiment. */
const isCalled = ({ run: { state } }: Logged, name: string): boolean => {
  const { facts } = state
  if (facts === undefined) return false
  const { run, directory, experiment, part } = facts
  const whole = part === null ? experiment : `${experiment}/${part}`
  return (
    run.startsWith(name) ||
    join(directory) === join(name) ||
    [experiment, whole, whole.slice(4)].includes(name) ||
    directory.endsWith(`/${name}`)
  )
}

/** How a run ended, and where its report is. */
const endOf = ({ run }: Logged): string => {
  run.readLog()
  const { state, message, report } = run.snapshot()
  const { run: id, directory } = run.state.facts!
  const how = state === "stopped" ? "was stopped; the same command goes on where it was" : `has ended: ${state}`
  const more = report ? `report ${nearby(join(directory, "report.html"))}` : message
  return [`run ${id} ${how}`, more].filter((text) => text !== null).join("\n")
}

const inWords = ({ run }: Logged): string => {
  const { experiment, part, run: id } = run.state.facts!
  return `${id} (${part === null ? experiment : `${experiment}/${part}`}, ${run.runState})`
}

/**
 * The run to show: with a name the newest of that name, else the newest that runs.
 *
 * @error InvalidInput for a name of none, or where nothing runs
 */
export const runToWatch = (home: string, name: string | undefined): Effect.Effect<Logged, InvalidInput> =>
  Effect.gen(function* () {
    const found: Array<Logged> = []
    for (const log of logsIn(home).slice(0, most)) {
      const run = new LiveRun(log)
      run.readLog()
      if (run.state.facts === undefined) continue
      const one = { log, run }
      found.push(one)
      if (name === undefined ? !run.over : isCalled(one, name)) return one
    }
    const there = found.slice(0, 8).map(inWords).join(", ") || "none"
    const problem =
      name === undefined
        ? `no run of ${home} runs now; the last ones: ${there}. Name one to see how it ended, or begin one with --watch`
        : `no run of ${home} that began in the last 30 days is called so; the last ones: ${there}`
    return yield* new InvalidInput({ what: name === undefined ? "watch" : `watch ${name}`, problems: [problem] })
  })

/** The command: the address on stdout; it ends with the run, or with Ctrl-C. */
export const watch = Command.make(
  "watch",
  {
    run: Argument.String("RUN").pipe(
      Argument.optional,
      Argument.withDescription("beginning of its id, its folder, or its experiment; the newest that runs if left out"),
    ),
    port: described(Flag.Int("port").pipe(Flag.withDefault(0)), "of 127.0.0.1; 0: any free one"),
  },
  Effect.fn("watch")(function* ({ run, port }) {
    const odd = outOfRange([["--port", port, 0, 65_535]])
    if (odd !== undefined) return yield* odd
    const found = yield* runToWatch(winnowHome(), Option.getOrUndefined(run))
    if (found.run.over) return yield* Console.log(endOf(found))
    const source = new WatchSource()
    source.follow(found.log)
    yield* Effect.scoped(
      Effect.gen(function* () {
        const { url } = yield* Effect.acquireRelease(watching(source, port), ({ close }) => Effect.promise(close))
        yield* Console.log(url)
        yield* Console.error("The page ends with the run, or with Ctrl-C, which leaves the run alone.")
        while (!source.isOver()) yield* Effect.sleep("1 second")
        yield* Console.log(endOf(found))
      }),
    )
  }),
).pipe(
  Command.withDescription("A live page of a run: arms, losses, figures so far, time left; for runs of other processes"),
)
