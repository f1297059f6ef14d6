/** The arm that a run is about beside all others, in one line. */
import { nats, percent, signed } from "../table/format.ts"
import { type ArmsRun, armsOf, comparedArms, mainArm, type Standing, standingOf } from "./comparisons.ts"
import { marginText } from "./sentences.ts"

/** Arms that a line names of one standing; of more it names one less, and how many there are. */
const most = 4

const words: ReadonlyArray<readonly [Standing, string]> = [
  ["ahead", "ahead of"],
  ["level", `level within ${marginText} with`],
  ["open", "not told apart from"],
  ["behind", "behind"],
]

const listed = (names: ReadonlyArray<string>): string => {
  if (names.length <= most) return names.join(", ")
  return `${names.slice(0, most - 1).join(", ")} and ${names.length - most + 1} more`
}

/**
 * "adaspec is ahead of bottom (+15.4); behind all-tokens (-5.9): greedy acceptance, ..." with the largest differences
 * first; undefined without a comparison that shows anything.
 */
export const standingsLine = (run: ArmsRun): string | undefined => {
  const main = mainArm(run)
  if (main === undefined) return undefined
  const others = armsOf(run).flatMap((under) => {
    const compared = under === main ? undefined : comparedArms(run, main, under)
    const standing = compared && standingOf(compared.difference, run.prompts)
    return standing === undefined ? [] : [{ under: under.name, standing, value: compared!.difference.value! }]
  })
  if (others.length === 0) return undefined
  const { name, unit } = run.concluded[0]!
  const scale = unit === "%" ? percent : nats
  const groups = words.flatMap(([standing, text]) => {
    const of = others
      .filter((other) => other.standing === standing)
      .toSorted((a, b) => Math.abs(b.value) - Math.abs(a.value))
    const names = of.map(({ under, value }) => `${under} (${signed(value, scale)})`)
    return names.length === 0 ? [] : [`${text} ${listed(names)}`]
  })
  return `${main.name} is ${groups.join("; ")}: ${unit === "%" ? "points of " : ""}${name}, ${run.scope}.`
}
