/** The commands in a run's output and report that export its models. */
import type { RunRecord } from "../record/schema.ts"

const quoted = (name: string): string => (/^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`)

/** The command that exports any draft of a run, for its short output. */
export const exportHint = ({ run }: Pick<RunRecord, "run">): string =>
  `take a draft along: bun run winnow export ${run} ARM --to DIR`

/** A command for each row of a run with its first seed, followed by its other seeds; the target last. */
export const exportCommands = ({ run, rows }: Pick<RunRecord, "run" | "rows">): ReadonlyArray<string> => [
  ...rows.map(({ name, seeds }) => {
    const [first, ...others] = seeds.map(({ seed }) => seed)
    const more = others.length === 0 ? "" : `   # or seed ${others.join(", ")}`
    return `bun run winnow export ${run} ${quoted(name)} --seed ${first} --to DIR${more}`
  }),
  `bun run winnow export ${run} target --to DIR`,
]
