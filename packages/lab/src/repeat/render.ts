/** The outcome of a repeat, for the terminal. */

import { type Leaf, writeLeaf } from "../runs/leaves.ts"
import { align } from "../table/align.ts"
import type { Deviation } from "./compare-records.ts"
import type { Repeat } from "./repeat.ts"

/** All digits where each counts; else as many as tell what is within a tolerance. */
const figure = (leaf: Leaf | undefined, exact: boolean): string =>
  typeof leaf === "number" && !exact && !Number.isInteger(leaf) ? leaf.toPrecision(5) : writeLeaf(leaf)

const row = (
  { path, recorded, repeated, deviation, relative, allowed, within }: Deviation,
  exact: boolean,
): ReadonlyArray<string> => {
  const write = (x: number) => (relative ? `${(100 * x).toPrecision(3)} %` : x.toPrecision(3))
  return [
    path,
    figure(recorded, exact),
    figure(repeated, exact),
    deviation === null ? "-" : write(deviation),
    deviation === null ? "-" : allowed === 0 ? "0" : write(allowed),
    within ? "" : "OUT",
  ]
}

/** How many deviations are listed: enough to see what kind they are. */
const most = 12

/** The whole of what `--repeat` prints. */
export const renderRepeat = (repeat: Repeat): string => {
  const { reproduced, exact, unlike, compared, equal, deviations, recorded } = repeat
  const out = deviations.filter(({ within }) => !within)
  const shown = deviations.slice(0, Math.max(most, Math.min(out.length, 4 * most)))
  const basis = exact
    ? ["Same code, same machine: every figure that no clock tells must be the same, to the last digit."]
    : [
        "Not the same code on the same machine, so figures must agree within tolerances (packages/lab/src/repeat/rules.ts):",
        ...unlike.map((line) => `  ${line}`),
      ]
  const table =
    deviations.length === 0
      ? []
      : [
          "",
          deviations.length > shown.length
            ? `The ${shown.length} largest of ${deviations.length} deviations, by their share of what is allowed:`
            : "What differs, by its share of what is allowed:",
          "",
          align(
            [["figure", "recorded", "repeated", "deviation", "allowed", ""], ...shown.map((d) => row(d, exact))],
            new Set([0, 5]),
          ),
        ]
  const verdict = reproduced
    ? `Reproduced: ${equal === compared ? "all the same" : "all within tolerances"}.`
    : `NOT reproduced: ${out.length} of ${compared} are ${exact ? "other figures" : "out of their tolerance"}, ${out[0]!.path} first.`
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
