/** The meaning of intervals, in the words of tables and reports. */
import { studentQuantile } from "@winnow/numerics"

/** From this number of seeds on, an interval is not mostly about how few they are. */
const enoughSeeds = 5

/** Two seeds have an interval of 12.7 standard errors: nothing is compared by it. */
export const twoSeeds = "two seeds: no comparison"

/** The meaning of intervals over that many seeds. */
export const intervalText = (seeds: number): string => {
  if (seeds === 1) return "95 % for new prompts under this one seed and target: nothing is said of other seeds"
  const what =
    `95 % for new seeds and prompts, this target: Student's t over ${seeds} seeds and over prompts, squares added, ` +
    "never less than prompts alone give"
  if (seeds >= enoughSeeds) return what
  const factor = studentQuantile(0.975, seeds - 1).toFixed(1)
  return (
    `${what}. ${seeds} seeds hardly show how far seeds differ: the ends are ${factor} standard errors of seeds ` +
    "away (2.8 with five) and rest on seeds being normally distributed, which so few cannot show"
  )
}
