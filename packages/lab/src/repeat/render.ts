/** The outcome of a repeat, for the terminal. */
import { align } from "../table/align.ts"
import type { Deviation } from "./compare-records.ts"
import type { Repeat } from "./repeat.ts"

const row = ({ path, recorded, repeated, within }: Deviation): ReadonlyArray<string> => [
  path,
  recorded,
  repeated,
  within ? "" : "OUT",
]

/** Most deviations in the list: enough to see their kind. */
const most = 12

/** The whole text of `--repeat`. */
export const renderRepeat = (repeat: Repeat): string => {
  const { reproduced, exact, unlike, compared, equal, deviations, recorded } = repeat
  const out = deviations.filter(({ within }) => !within)
  const listing = deviations.slice(0, Math.max(most, Math.min(out.length, 4 * most)))
  const basis = exact
    ? ["Same code, same machine: every figure that no clock tells must be the same, to the last digit."]
    : [
        "Not the same code on the same machine: the intervals of each figure must overlap, costs agree within 1 %.",
        ...unlike.map((line) => `  ${line}`),
      ]
  const table =
    deviations.length === 0
      ? []
      : [
          "",
          deviations.length > listing.length ? `${listing.length} of ${deviations.length} that differ:` : "Different:",
          "",
          align([["figure", "recorded", "repeated", ""], ...listing.map(row)], new Set([0, 3])),
        ]
  const verdict = reproduced
    ? `Reproduced: ${equal === compared ? "all the same" : "every interval overlaps with the recorded one"}.`
    : `NOT reproduced: ${out.length} of ${compared} are ${exact ? "other figures" : "apart"}, ${out[0]!.path} first.`
  return [
    `Repeat of ${recorded.experiment} ${recorded.run}, recorded ${recorded.created.slice(0, 10)}`,
    "",
    ...basis,
    ...table,
    "",
    `${compared} figures and settings compared, ${equal} of them the same to the last digit.`,
    verdict,
  ].join("\n")
}
