/** Formats a plan's reasons: for each stage to run, the differences from the nearest artifact. */
import type { Plan } from "@winnow/lab"

/** A paragraph within 80 columns: its first line begins at 2, the others at 4. */
const wrapped = (text: string): string => {
  const lines = [" "]
  for (const word of text.split(" "))
    if (`${lines.at(-1)} ${word}`.length <= 80 || lines.at(-1)!.trim() === "") lines[lines.length - 1] += ` ${word}`
    else lines.push(`    ${word}`)
  return lines.join("\n")
}

/** Groups stages of one kind with one reason in one line; the compared artifacts may differ. */
const groupsOf = ({ stages }: Plan) =>
  Map.groupBy(
    stages.flatMap(({ stage, kind, why }) => (why === null ? [] : [{ stage, kind, why }])),
    ({ kind, why }) => `${kind} ${why.replace(/ \(since .*\)$/, "")}`,
  )

/** Lines under the table; none if every stage is cached. */
export const renderReasons = (plan: Plan): ReadonlyArray<string> => {
  const lines = [...groupsOf(plan).values()].map(([first, ...more]) => {
    const others = more.length === 0 ? "" : ` and ${more.length} more`
    return wrapped(`${first!.stage}${others}: ${first!.why}`)
  })
  return lines.length > 0 ? ["", "Why:", ...lines] : []
}
