/** The commands in a run's output and report that export its models. */
import { isMeasured, type ModelRun, rowsOf, seedsOf } from "./chosen-model.ts"

const quoted = (name: string): string => (/^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`)

/** The command that exports any draft of a run, for its short output. */
export const exportHint = ({ run }: Pick<ModelRun, "run">): string =>
  `take a draft along: bun run winnow export ${run} ARM --to DIR`

/** A command for each row of a run with its first seed, followed by its other seeds; the target last. */
export const exportCommands = (of: ModelRun): ReadonlyArray<string> => [
  ...rowsOf(of).map((row) => {
    const [first, ...others] = seedsOf(row)
    const more = others.length === 0 ? "" : `   # or seed ${others.join(", ")}`
    return `bun run winnow export ${of.run} ${quoted(row.name)} --seed ${first} --to DIR${more}`
  }),
  ...(isMeasured(of) && of.arms.target === null ? [] : [`bun run winnow export ${of.run} target --to DIR`]),
]
