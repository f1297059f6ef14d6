/** Explains intervals in the words of tables and reports. */
import { studentQuantile } from "@winnow/numerics"

/** From this number of seeds on, an interval no longer mostly reflects their small number. */
const enoughSeeds = 5

/** An interval of two seeds is 12.7 standard errors wide to each side, too wide for a comparison. */
export const twoSeeds = "two seeds: no comparison"

/** The meaning of intervals over a number of seeds. */
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
