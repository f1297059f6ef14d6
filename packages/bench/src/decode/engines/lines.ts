/** The tables of a comparison with llama.cpp and its fork. */
import { shownRatio } from "../../side-by-side/peer-sides.ts"
import { quietLine } from "../../side-by-side/rounds.ts"
import { type EngineSide, type EnginesResult, ggufTypes, works } from "./run-engines.ts"

const sideLine = ({ engine, precision, prompt, plain, assisted, peakMegabytes: peak }: EngineSide): string => {
  const rates = [prompt, plain, assisted].map(({ tokensPerSecond }) => tokensPerSecond.toFixed(1).padStart(8)).join("")
  const share = (assisted.accepted / assisted.proposed).toFixed(2).padStart(9)
  return `${`${engine} ${precision}`.padEnd(22)}${rates}${share}${peak.plain.toFixed(0).padStart(9)}${peak.assisted.toFixed(0).padStart(9)}`
}

/** The lines: tokens a second of each side, then ours over each engine. */
export const engineLines = (result: EnginesResult): ReadonlyArray<string> => {
  const { sides, ratios, rounds, floor, bandwidth } = result
  const other = sides.filter(({ assisted }) => assisted.identical < rounds)
  const texts = other.map(({ engine, precision, assisted }) => `${engine} ${precision} ${assisted.identical}`)
  return [
    `${"tokens/s".padEnd(22)}${"prompt".padStart(8)}${"plain".padStart(8)}${"draft".padStart(8)}${"kept".padStart(9)}${"MB".padStart(9)}${"MB, pair".padStart(9)}`,
    ...sides.map(sideLine),
    "",
    "ours over an engine's, of prompt, plain and draft: median [lowest, highest]",
    ...ratios.map(
      ({ ours, engine, precision, speed }) =>
        `${`${ours} / ${engine} ${ggufTypes[precision]}`.padEnd(26)}${works.map((work) => ` ${shownRatio(speed[work])}`.padStart(18)).join("")}`,
    ),
    "",
    "kept: accepted over proposed, proposals after a rejected one included",
    texts.length === 0
      ? `all ${rounds} texts with the draft are the target's own`
      : `texts with the draft that are the target's own, of ${rounds}: ${texts.join(", ")}`,
    `floor plain: ${Object.entries(floor)
      .map(([precision, rate]) => `${rate.toFixed(0)} in ${precision}`)
      .join(", ")} tokens/s, read at ${(bandwidth / 1e9).toFixed(1)} GB/s`,
    ...quietLine(result),
  ]
}
