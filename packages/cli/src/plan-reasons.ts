/** Formats a plan's reasons: for each stage to run, the differences from the nearest artifact. */
import { type Plan, wrap } from "@winnow/lab"

/** Stages of one kind with one reason; the compared artifacts may differ. */
const groupsOf = ({ stages }: Plan) =>
  Map.groupBy(
    stages.flatMap(({ stage, kind, why }) => (why === null ? [] : [{ stage, kind, why }])),
    ({ kind, why }) => `${kind} ${why.replace(/ \(since .*\)$/, "")}`,
  )

/** The reason of a stage whose kind the store has nothing of. */
const first = /^the store has no [\w-]+ yet$/

/** Lines under the table; none if every stage is cached, or the store is as good as empty. */
export const renderReasons = (plan: Plan): ReadonlyArray<string> => {
  const groups = [...groupsOf(plan).values()].filter(([stage]) => !first.test(stage!.why))
  const lines = groups.map(([stage, ...more]) => {
    const others = more.length === 0 ? "" : ` and ${more.length} more`
    return wrap(`${stage!.stage}${others}: ${stage!.why}`, 80, "  ")
  })
  return lines.length > 0 ? ["", "Why:", ...lines] : []
}
