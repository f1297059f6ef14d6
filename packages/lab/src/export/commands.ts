/** How a run's models leave it: the commands that its print and its report name. */
import type { RunRecord } from "../record/schema.ts"

const quoted = (name: string): string => (/^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`)

/** The command that takes any draft of a run, for its short print. */
export const exportHint = ({ run }: Pick<RunRecord, "run">): string =>
  `take a draft along: bun run winnow export ${run} ARM --to DIR`

/** A command for each row of a run with its first seed, and its other seeds behind; the target last. */
export const exportCommands = ({ run, rows }: Pick<RunRecord, "run" | "rows">): ReadonlyArray<string> => [
  ...rows.map(({ name, seeds }) => {
    const [first, ...others] = seeds.map(({ seed }) => seed)
    const more = others.length === 0 ? "" : `   # or seed ${others.join(", ")}`
    return `bun run winnow export ${run} ${quoted(name)} --seed ${first} --to DIR${more}`
  }),
  `bun run winnow export ${run} target --to DIR`,
]
