/** The figures of a model card: acceptance by the target, or the measures of a run without acceptance. */
import type { MeasuresRecord } from "../record/measures-schema.ts"
import type { RowRecord, RunRecord, SeedFigures } from "../record/schema.ts"
import { caption } from "../table/caption.ts"
import { writeInterval } from "../table/cells.ts"
import { nats, percent, plain, plusMinus, type Scale, written } from "../table/format.ts"
import { type ChosenModel, isMeasured } from "./chosen-model.ts"

/** Rows of cells as a table in Markdown; the first row is its head. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const [head, ...rest] = rows.map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
  return [head, `|${" --- |".repeat(rows[0]!.length)}`, ...rest].join("\n")
}

const number = (x: number | null, scale: Scale): string => (x === null ? "-" : written(x, scale))

const acceptanceFigures = (run: RunRecord, row: RowRecord, seed: number | null): string => {
  const own = row.seeds.find((of) => of.seed === seed)!
  const { gamma } = run.conditions
  const at = (g: number) => own.byGamma.find((of) => of.gamma === g)!
  const share = { ...percent, unit: " %" }
  const line = (
    name: string,
    value: number | null,
    scale: Scale & { readonly unit?: string },
    over: Parameters<typeof plusMinus>[0],
  ): ReadonlyArray<string> => {
    const unit = scale.unit ?? ""
    return [name, `${number(value, scale)}${unit}`, `${plusMinus(over, scale)}${unit}`]
  }
  const all = row.seeds.length
  const rows = [
    ["", `this model (seed ${seed})`, `${all} ${all === 1 ? "seed" : "seeds"}`],
    line(`greedy acceptance, gamma ${gamma}`, own.greedyAcceptance, share, row.greedyAcceptance),
    line(`tau, gamma ${gamma}, greedy`, at(gamma).greedyTau, plain, row.tau),
    line(`expected acceptance`, own.expectedAcceptance, share, row.expectedAcceptance),
    line(`tau, gamma ${gamma}, sampled`, at(gamma).sampledTau, plain, row.sampledTau),
    line(`KL(p, q), nats a token`, own.draftKl, nats, row.draftKl),
  ]
  const byGamma = ({ byGamma }: SeedFigures) => [
    ["gamma", "greedy acceptance", "tau, greedy", "tau, sampled"],
    ...byGamma.map((g) => [
      String(g.gamma),
      `${number(g.greedyAcceptance, percent)} %`,
      number(g.greedyTau, plain),
      number(g.sampledTau, plain),
    ]),
  ]
  return `## Figures

${table(rows)}

${caption(run)
  .filter((line) => !line.startsWith("Cost:"))
  .map((line) => `- ${line}`)
  .join("\n")}

By draft length, this model:

${table(byGamma(own))}
`
}

/** The row of each table of measures, with intervals over the seeds; figures of one seed are not in the record. */
const measureFigures = ({ tables, data }: MeasuresRecord, name: string): string => {
  const [{ columns, rows, notes }] = tables as [(typeof tables)[number]]
  const cells = rows.find((row) => row.name === name)?.cells ?? {}
  const measured = columns.flatMap((column) => {
    const cell = cells[column.key]
    return typeof cell === "object" && cell !== null
      ? [[column.name, writeInterval(cell, column), String(cell.seeds ?? 1)]]
      : []
  })
  return `## Figures

${table([["", "mean over seeds, with its 95 % interval", "seeds"], ...measured])}

${[
  `Measured on ${data.prompts} examples of ${data.dataset}. Nothing was decoded: the run measures no acceptance.`,
  ...notes,
]
  .map((line) => `- ${line}`)
  .join("\n")}
`
}

/** The figures of a draft; none of a target. */
export const figures = ({ run, row, name, seed }: ChosenModel): string => {
  if (row === undefined) return ""
  return isMeasured(run) ? measureFigures(run, name) : acceptanceFigures(run, row as RowRecord, seed)
}
