/**
 * `winnow runs` lists runs; `runs show` prints one, `runs compare` the differences of two, `runs plot` draws several;
 * `runs queue` lists those with jobs on a cluster; `runs export`, `runs report` and `runs home` write files and pages.
 */
import { join } from "node:path"
import { InvalidInput } from "@winnow/core"
import { FileError, fileErrorOf, writeWhole } from "@winnow/files"
import {
  compareRuns,
  type InQueue,
  isTablesRecord,
  launchesInQueue,
  plotRuns,
  type RunEntry,
  type RunFile,
  RunStore,
  readRun,
  renderAttempts,
  renderComparison,
  renderRun,
  renderRuns,
  stateText,
  winnowHome,
} from "@winnow/lab"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { jsonFlag, resultsFlag } from "../shared-flags.ts"
import { terminalColumns } from "../terminal.ts"
import { exportFiles, renewReport, reportSeveral, writeHome } from "./runs-pages.ts"

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

/** Several runs with a record of whole trainings. @error InvalidInput for a smoke run: its figures would stand beside theirs */
const openedWhole = (names: ReadonlyArray<string>) =>
  Effect.forEach(names, (name) =>
    Effect.tap(opened(name), ({ entry: { run, limit } }) =>
      limit === null
        ? Effect.void
        : new InvalidInput({
            what: `run ${run}`,
            problems: [
              `is a smoke run, cut by --limit ${limit}, whose figures have no meaning beside others; leave it out, or run it without --limit`,
            ],
          }),
    ),
  )

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
      return yield* Console.log(json ? JSON.stringify(entry, null, 2) : renderAttempts(entry, terminalColumns()))
    const file = yield* readRun(entry.directory)
    if (json) return yield* Console.log(JSON.stringify(file.record ?? file.written, null, 2))
    yield* Console.log(renderRun(file, terminalColumns()))
    process.stderr.write(`\n${stateText(entry)}; report: ${join(entry.directory, "report.html")}\n`)
  }),
).pipe(Command.withDescription("Print the table of a run, as the run printed it"))

const compare = Command.make(
  "compare",
  { a: name("A"), b: name("B") },
  Effect.fn("runs.compare")(function* (flags) {
    const { results, json } = yield* root
    const [a, b] = yield* withRuns(results)(Effect.all([opened(flags.a), opened(flags.b)]))
    const comparison = compareRuns(a.file.written, b.file.written)
    if (!json)
      return yield* Console.log(renderComparison(comparison, a.file.written, b.file.written, terminalColumns()))
    yield* Console.log(JSON.stringify({ a: a.entry, b: b.entry, ...comparison }, null, 2))
  }),
).pipe(Command.withDescription("Print the differences of two runs: in their settings, and in their figures"))

const plot = Command.make(
  "plot",
  {
    runs: name("RUN").pipe(Argument.atLeast(2)),
    over: Flag.String("over").pipe(
      Flag.withDescription("a number in which the runs differ, as --set names it in an arm: filter.k"),
    ),
    minus: Flag.String("minus").pipe(Flag.withDescription("the arm that is taken away from each other: the control")),
    to: Flag.String("to").pipe(Flag.withDescription("the picture's file, .svg")),
  },
  Effect.fn("runs.plot")(function* (flags) {
    const { results } = yield* root
    if (!flags.to.endsWith(".svg"))
      return yield* new InvalidInput({
        what: `--to ${flags.to}`,
        problems: ["the picture is an SVG: name a file that ends with .svg"],
      })
    const opens = yield* withRuns(results)(openedWhole(flags.runs))
    const records = yield* Effect.forEach(opens, ({ entry, file: { record } }) =>
      record === undefined || isTablesRecord(record)
        ? new InvalidInput({ what: `run ${entry.run}`, problems: ["has no differences of arms in acceptance"] })
        : Effect.succeed(record),
    )
    const svg = yield* plotRuns(records, flags.over, flags.minus)
    yield* Effect.try({
      try: () => writeWhole(flags.to, svg),
      catch: (error) => fileErrorOf(error, flags.to) ?? new FileError(flags.to, String(error)),
    })
    yield* Console.log(flags.to)
  }),
).pipe(Command.withDescription("Draw each arm minus a control over a setting in which runs differ"))

const exported = Command.make(
  "export",
  {
    run: name("RUN"),
    to: Flag.String("to").pipe(Flag.withMetavar("DIR"), Flag.withDescription("a folder that is not there yet")),
  },
  Effect.fn("runs.export")(function* (flags) {
    const { results, json } = yield* root
    const { file } = yield* withRuns(results)(opened(flags.run))
    yield* exportFiles(file, flags.to, json)
  }),
).pipe(Command.withDescription("Write each table and plot of a run as files: CSV, Markdown, LaTeX, SVG, PDF"))

const report = Command.make(
  "report",
  {
    runs: name("RUN").pipe(Argument.atLeast(1)),
    to: Flag.String("to").pipe(
      Flag.optional,
      Flag.withMetavar("FILE"),
      Flag.withDescription("the page of several runs, .html; one run has its report.html written anew without it"),
    ),
  },
  Effect.fn("runs.report")(function* (flags) {
    const { results } = yield* root
    const [only, ...others] = flags.runs
    if (others.length === 0 && Option.isNone(flags.to))
      return yield* renewReport(yield* withRuns(results)(opened(only!)))
    yield* reportSeveral(yield* withRuns(results)(openedWhole(flags.runs)), Option.getOrUndefined(flags.to))
  }),
).pipe(Command.withDescription("Write one report of several runs, or that of one run anew from its record"))

const home = Command.make(
  "home",
  {
    to: Flag.String("to").pipe(
      Flag.optional,
      Flag.withMetavar("FILE"),
      Flag.withDescription("the page's file, .html; index.html in the folder of the results if left out"),
    ),
  },
  Effect.fn("runs.home")(function* (flags) {
    const { results } = yield* root
    const entries = yield* withRuns(results)(Effect.flatMap(RunStore, (store) => store.list()))
    yield* writeHome(
      entries,
      results,
      Option.getOrElse(flags.to, () => join(results, "index.html")),
    )
  }),
).pipe(Command.withDescription("Write the home page of the results: each experiment with its runs and verdicts"))

/** A line of a launch in Slurm's queue. */
const launchText = ({ experiment, part, name, text }: InQueue): string =>
  `${part === null ? experiment : `${experiment}/${part}`} in Slurm's queue as ${name}: ${text}`

const queue = Command.make(
  "queue",
  {},
  Effect.fn("runs.queue")(function* () {
    const { json } = yield* root
    const launches = yield* launchesInQueue(winnowHome())
    if (json) return yield* Console.log(JSON.stringify(launches, null, 2))
    yield* Console.log(
      launches.length === 0 ? "no job of this store is in Slurm's queue" : launches.map(launchText).join("\n"),
    )
  }),
).pipe(Command.withDescription("List the runs that have jobs in Slurm's queue"))

/** The command. */
export const runs = root.pipe(
  Command.withHandler(
    Effect.fn("runs")(function* ({ experiment, results, json }) {
      const entries = yield* withRuns(results)(
        Effect.flatMap(RunStore, (store) => store.list(Option.getOrUndefined(experiment))),
      )
      if (json) return yield* Console.log(JSON.stringify(entries, null, 2))
      const launches = yield* launchesInQueue(winnowHome())
      const list = renderRuns(entries, terminalColumns())
      yield* Console.log([list, ...launches.map(launchText)].join("\n"))
    }),
  ),
  Command.withDescription("List the runs, the newest first"),
  Command.withSubcommands([show, compare, plot, exported, report, home, queue]),
)
