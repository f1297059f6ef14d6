/** The commands in a run's output and report that export its models. */
import { isMeasured, type ModelRun, rowsOf, seedsOf } from "./chosen-model.ts"

const quoted = (name: string): string => (/^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`)

/** The command that exports any draft of a run, for its short output. */
export const exportHint = ({ run }: Pick<ModelRun, "run">): string =>
  `take a draft along: bun run winnow export ${run} ARM --to DIR`

/** The command that exports one model, with its first seed; the note names the other seeds. */
export interface ExportLine {
  /** The row, or "target". */
  readonly name: string
  readonly command: string
  readonly note: string
}

/** A command for each row of a run; the target last. */
export const exportLines = (of: ModelRun): ReadonlyArray<ExportLine> => [
  ...rowsOf(of).map((row) => {
    const [first, ...others] = seedsOf(row)
    return {
      name: row.name,
      command: `bun run winnow export ${of.run} ${quoted(row.name)} --seed ${first} --to DIR`,
      note: others.length === 0 ? "" : `or seed ${others.join(", ")}`,
    }
  }),
  ...(isMeasured(of) && of.arms.target === null
    ? []
    : [{ name: "target", command: `bun run winnow export ${of.run} target --to DIR`, note: "" }]),
]
