/** `winnow runs export`, `runs report` and `runs home`: files and pages from the records of runs. */
import { existsSync, readdirSync } from "node:fs"
import { basename, dirname, join, relative, resolve, sep } from "node:path"
import { InvalidInput } from "@winnow/core"
import { FileError, fileErrorOf, writeWhole } from "@winnow/files"
import {
  docsFrom,
  houseRoot,
  overRunsRecord,
  type RunEntry,
  type RunFile,
  readMetrics,
  readRun,
  renderHome,
  renderPage,
  renderReport,
  severalReport,
  wrap,
  writeFiles,
} from "@winnow/lab"
import { Console, Effect } from "effect"
import { nearby } from "../nearby.ts"
import { terminalColumns } from "../terminal.ts"

/** A path from a page in a folder, as links have it. */
const linkFrom = (folder: string, path: string): string =>
  relative(resolve(folder), resolve(path)).split(sep).map(encodeURIComponent).join("/")

const written = (file: string, text: string) =>
  Effect.try({
    try: () => writeWhole(file, text),
    catch: (error) => fileErrorOf(error, file) ?? new FileError(file, String(error)),
  })

/** @error InvalidInput for a file that is no page */
const pageAt = (to: string) =>
  to.endsWith(".html")
    ? Effect.succeed(resolve(to))
    : Effect.fail(
        new InvalidInput({ what: `--to ${to}`, problems: ["the page is HTML: name a file that ends with .html"] }),
      )

/** Writes all tables and plots of a run, and prints which. */
export const exportFiles = Effect.fn("runs.export")(function* (file: RunFile, to: string, json: boolean) {
  const files = yield* writeFiles(file, to)
  if (json) return yield* Console.log(JSON.stringify(files, null, 2))
  const width = terminalColumns() ?? 80
  const pdf = files.pdf
    ? "pictures as SVG and PDF"
    : "pictures as SVG; no PDF: no Chrome or Chromium was found, which prints them (set BUN_CHROME_PATH to one)"
  yield* Console.log(
    [
      `${files.files.length} files in ${nearby(files.directory)}`,
      wrap(`tables as CSV, Markdown and LaTeX: ${files.tables.join(", ")}`, width, "  "),
      wrap(`plots with their data as CSV: ${files.plots.join(", ")}`, width, "  "),
      wrap(pdf, width, "  "),
    ].join("\n"),
  )
})

/** A run that was asked for. */
interface OpenedRun {
  readonly entry: RunEntry
  readonly file: RunFile
}

/** @error InvalidInput for a record that this version cannot read */
const recordOf = ({ entry, file: { record } }: OpenedRun) =>
  record === undefined
    ? Effect.fail(
        new InvalidInput({ what: `run ${entry.run}`, problems: ["has a record of another version; run it again"] }),
      )
    : Effect.succeed(record)

/** Writes report.html of a run anew, from its record. */
export const renewReport = Effect.fn("runs.report")(function* (run: OpenedRun) {
  const { directory } = run.file
  const record = yield* recordOf(run)
  const metrics = yield* readMetrics(directory)
  const html = yield* Effect.promise(() => renderReport(record, metrics, docsFrom(directory)))
  yield* written(join(directory, "report.html"), html)
  yield* Console.log(nearby(join(directory, "report.html")))
})

/** Writes the report of several runs. @error InvalidInput without a file's name, and for a run that this version cannot read */
export const reportSeveral = Effect.fn("runs.report")(function* (
  opened: ReadonlyArray<OpenedRun>,
  to: string | undefined,
) {
  if (to === undefined)
    return yield* new InvalidInput({
      what: `the report of ${opened.length} runs`,
      problems: ["has no place: name its file by --to FILE.html"],
    })
  if (opened.length < 2)
    return yield* new InvalidInput({
      what: `--to ${to}`,
      problems: ["found one run, expected two or more; without --to the run's own report.html is written anew"],
    })
  const place = yield* pageAt(to)
  const runs = yield* Effect.forEach(opened, (run) =>
    Effect.map(recordOf(run), (record) => ({ record, folder: linkFrom(dirname(place), run.entry.directory) })),
  )
  const html = yield* Effect.promise(() => renderPage(severalReport(runs), { docs: null }))
  yield* written(place, html)
  const figures = place.replace(/\.html$/, ".json")
  yield* written(figures, `${JSON.stringify(overRunsRecord(runs), null, 2)}\n`)
  yield* Console.log(`${nearby(place)}\nthe figures over the runs: ${nearby(figures)}`)
})

/** Timings beside the runs: the newest file of each. */
const benchmarksIn = (results: string): ReadonlyArray<string> => {
  const folder = join(results, "benchmarks")
  if (!existsSync(folder)) return []
  const files = readdirSync(folder).filter((name) => /^\d{4}-\d\d-\d\d-.*\.json$/.test(name))
  const newest = Map.groupBy(files.toSorted(), (name) => name.slice(11))
  return [...newest.values()]
    .map((of) => join(folder, of.at(-1)!))
    .toSorted((a, b) => basename(a).slice(11).localeCompare(basename(b).slice(11)))
}

/** Writes the home page of a folder of results. */
export const writeHome = Effect.fn("runs.home")(function* (
  entries: ReadonlyArray<RunEntry>,
  results: string,
  to: string,
) {
  const place = yield* pageAt(to)
  const from = dirname(place)
  const runs = yield* Effect.forEach(entries, (entry) =>
    Effect.map(
      entry.schema === null ? Effect.succeed(undefined) : Effect.map(readRun(entry.directory), ({ record }) => record),
      (record) => ({ entry, record, folder: linkFrom(from, entry.directory) }),
    ),
  )
  const readmes = new Map(
    [...new Set(entries.map(({ experiment }) => experiment))].flatMap((slug) => {
      const readme = join(houseRoot, "experiments", slug, "README.md")
      return existsSync(readme) ? [[slug, linkFrom(from, readme)] as const] : []
    }),
  )
  const benchmarks = benchmarksIn(results).map((file) => linkFrom(from, file))
  yield* written(place, renderHome({ runs, readmes, benchmarks }))
  yield* Console.log(nearby(place))
})
