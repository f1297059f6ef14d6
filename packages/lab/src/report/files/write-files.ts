/** All tables and plots of a run as files. */
import { existsSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { DataError, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { io, wholeFolder } from "../../export/whole-folder.ts"
import { experimentAndPart } from "../../runs/list.ts"
import { readMetrics } from "../../runs/read-metrics.ts"
import type { RunFile } from "../../runs/read-run.ts"
import type { StudyTable } from "../../study/table.ts"
import { browserPath } from "../browser.ts"
import { plotsIn, tablesIn } from "../document.ts"
import { widths } from "../plot.ts"
import { reportOf } from "../report.ts"
import { svgOf } from "../svg.ts"
import { plotCsv, tableCsv } from "./csv.ts"
import { tableLatex } from "./latex.ts"
import { tableMarkdown } from "./markdown.ts"
import { pdfsOf } from "./pdf.ts"
import { tableSvg } from "./table-svg.ts"

/** Seconds in which a browser prints all pictures, on a busy machine too; it then hangs. */
const longest = 180

const inTime = <A>(work: Promise<A>): Promise<A> => {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`it did not answer for ${longest} s`)), 1000 * longest)
  return Promise.race([work, promise]).finally(() => clearTimeout(timer))
}

/** The files that were written. */
export interface WrittenFiles {
  readonly directory: string
  readonly tables: ReadonlyArray<string>
  readonly plots: ReadonlyArray<string>
  readonly files: ReadonlyArray<string>
  /** True if each picture is there as PDF, too, which takes a browser. */
  readonly pdf: boolean
}

interface Picture {
  readonly name: string
  readonly svg: string
}

const byName = (tables: ReadonlyArray<StudyTable>): ReadonlyArray<StudyTable> =>
  [...new Map(tables.toReversed().map((table) => [table.name, table])).values()].toReversed()

/**
 * Writes each table of a run as CSV, Markdown, LaTeX and SVG, each plot as SVG and its data as CSV, and where a browser is
 * at hand all pictures as PDF.
 *
 * @param to a folder that is not there yet
 * @error InvalidInput for a folder that exists, and a record that this version cannot read
 * @error DataError where files cannot be read or written
 */
export const writeFiles = Effect.fn("runs.export")(function* ({ directory, written, record }: RunFile, to: string) {
  const place = resolve(to)
  if (existsSync(place))
    return yield* new InvalidInput({ what: `--to ${to}`, problems: ["exists; name a folder that is not there yet"] })
  if (record === undefined)
    return yield* new InvalidInput({
      what: directory,
      problems: [
        `has a run.json of schema ${written.schema}, which this version does not read; run the experiment again`,
      ],
    })
  const metrics = yield* readMetrics(directory)
  const report = reportOf(record, metrics)
  const tables = byName([...tablesIn(report), ...written.tables])
  const plots = plotsIn(report)
  const of = experimentAndPart({ experiment: written.experiment, part: written.part ?? null })
  const source = [
    `Run ${written.run} of ${of}, ${written.created.slice(0, 10)}; ${written.data.prompts} of ${written.data.dataset}, seeds ${written.seeds.join(", ")}.`,
  ]
  const drawn = yield* Effect.promise(() =>
    Promise.all(
      plots.map(
        async (plot): Promise<Picture> => ({
          name: `plot-${plot.name}`,
          svg: await svgOf(plot.draw(widths[plot.size]), plot.name),
        }),
      ),
    ),
  )
  const pictures = [...tables.map((table) => ({ name: `table-${table.name}`, svg: tableSvg(table) })), ...drawn]
  const pdfs =
    browserPath() === undefined
      ? []
      : yield* Effect.tryPromise({
          try: () => inTime(pdfsOf(pictures.map(({ svg }) => svg))),
          catch: (error) =>
            new DataError({
              message: `the browser ${browserPath()} printed no PDF: ${String(error)}; set BUN_CHROME_PATH to another one, or to nothing for no PDF`,
              cause: error,
            }),
        })
  const files: ReadonlyArray<readonly [name: string, content: string | Uint8Array]> = [
    ...tables.flatMap((table) => [
      [`table-${table.name}.csv`, tableCsv(table)] as const,
      [`table-${table.name}.md`, tableMarkdown(table, source)] as const,
      [`table-${table.name}.tex`, tableLatex(table, source)] as const,
    ]),
    ...plots.map((plot) => [`plot-${plot.name}.csv`, plotCsv(plot)] as const),
    ...pictures.map(({ name, svg }) => [`${name}.svg`, svg] as const),
    ...pdfs.map((pdf, i) => [`${pictures[i]!.name}.pdf`, pdf] as const),
  ]
  yield* wholeFolder(place, (folder) =>
    io(() => {
      for (const [name, content] of files) writeFileSync(join(folder, name), content)
    }),
  )
  return {
    directory: place,
    tables: tables.map(({ name }) => name),
    plots: plots.map(({ name }) => name),
    files: files.map(([name]) => name),
    pdf: pdfs.length > 0,
  } satisfies WrittenFiles
})
