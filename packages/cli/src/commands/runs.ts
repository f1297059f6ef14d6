/** `winnow runs` lists runs; `runs show RUN` prints one; `runs compare A B` prints the differences of two. */
import { join } from "node:path"
import { InvalidInput } from "@winnow/core"
import {
  compareRuns,
  type RunEntry,
  type RunFile,
  RunStore,
  readRun,
  renderAttempts,
  renderComparison,
  renderRun,
  renderRuns,
  winnowHome,
} from "@winnow/lab"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { jsonFlag, resultsFlag } from "../shared-flags.ts"

const root = Command.make("runs", {
  experiment: Flag.String("experiment").pipe(
    Flag.optional,
    Flag.withDescription("only those of this experiment: slug, number or name"),
  ),
}).pipe(
  Command.withSharedFlags({
    results: resultsFlag,
    json: jsonFlag,
  }),
)

/** A program with the store of runs of these results. */
const withRuns =
  (results: string) =>
  <A, E>(program: Effect.Effect<A, E, RunStore>) =>
    program.pipe(Effect.provide(RunStore.layer(winnowHome(), [results])))

const findRun = (name: string) => Effect.flatMap(RunStore, ({ find }) => find(name))

/** The run with a name or folder, from its run.json. @error InvalidInput for a run without one */
const opened = Effect.fnUntraced(function* (name: string) {
  const entry: RunEntry = yield* findRun(name)
  if (entry.state !== "unreadable" && entry.schema === null) {
    const problems = [`has no record to compare: it is ${entry.state}`]
    return yield* new InvalidInput({ what: `run ${entry.run}`, problems })
  }
  const file: RunFile = yield* readRun(entry.directory)
  return { entry, file }
})

const name = (which: string) =>
  Argument.String(which).pipe(
    Argument.withDescription("the beginning of a run's id, or its folder (results/NNN-slug/RUN)"),
  )

const show = Command.make(
  "show",
  { run: name("RUN") },
  Effect.fn("runs.show")(function* (flags) {
    const { results, json } = yield* root
    const entry = yield* withRuns(results)(findRun(flags.run))
    if (entry.state !== "unreadable" && entry.schema === null)
      return yield* Console.log(json ? JSON.stringify(entry, null, 2) : renderAttempts(entry))
    const file = yield* readRun(entry.directory)
    if (json) return yield* Console.log(JSON.stringify(file.record ?? file.written, null, 2))
    yield* Console.log(renderRun(file))
    process.stderr.write(`\n${entry.state}; report: ${join(entry.directory, "report.html")}\n`)
  }),
).pipe(Command.withDescription("Print the table of a run, as the run printed it"))

const compare = Command.make(
  "compare",
  { a: name("A"), b: name("B") },
  Effect.fn("runs.compare")(function* (flags) {
    const { results, json } = yield* root
    const [a, b] = yield* withRuns(results)(Effect.all([opened(flags.a), opened(flags.b)]))
    const comparison = compareRuns(a.file.written, b.file.written)
    if (!json) return yield* Console.log(renderComparison(comparison, a.file.written, b.file.written))
    yield* Console.log(JSON.stringify({ a: a.entry, b: b.entry, ...comparison }, null, 2))
  }),
).pipe(Command.withDescription("Print the differences of two runs: in their settings, and in their figures"))

/** The command. */
export const runs = root.pipe(
  Command.withHandler(
    Effect.fn("runs")(function* ({ experiment, results, json }) {
      const entries = yield* withRuns(results)(
        Effect.flatMap(RunStore, (store) => store.list(Option.getOrUndefined(experiment))),
      )
      if (json) return yield* Console.log(JSON.stringify(entries, null, 2))
      yield* Console.log(renderRuns(entries, process.stdout.isTTY === true ? process.stdout.columns : undefined))
    }),
  ),
  Command.withDescription("List the runs, the newest first"),
  Command.withSubcommands([show, compare]),
)
