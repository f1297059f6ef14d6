/** `bun run bench generate` times many prompts at once and one at a time, against transformers on the same batch. */
import { begin, type Header } from "../side-by-side/header.ts"
import { shownRatio } from "../side-by-side/peer-sides.ts"
import { quietLine } from "../side-by-side/rounds.ts"
import { checkPeer } from "../side-by-side/worker-process.ts"
import { generateUsage, parseGenerate } from "./options.ts"
import { type GenerateResult, modes, runGenerate } from "./run-generate.ts"

/** The report that `--json` prints. */
export type GenerateReport = Header & GenerateResult

/** The table of a comparison: tokens a second. */
export const generateLines = ({
  ours,
  peers,
  against,
  floor,
  sizes,
  ...rest
}: GenerateResult): ReadonlyArray<string> => [
  `${"tokens/s".padEnd(30)} one at a time  ${sizes.batch} at once  gain`,
  ...[ours, ...peers].flatMap((side) =>
    modes.map((mode) => {
      const { one, batch, gain, same } = side[mode]
      const apart = mode === "greedy" && same < 1 ? `  ${Math.round(100 * same)} % the same` : ""
      return `${`${side.name}, ${mode}`.padEnd(42)} ${one.toFixed(0).padStart(6)} ${batch.toFixed(0).padStart(7)}  ${shownRatio(gain)}${apart}`
    }),
  ),
  ...(floor === null
    ? []
    : [
        `${"floor of a step, without attention".padEnd(42)} ${floor.one.toFixed(0).padStart(6)} ${floor.batch.toFixed(0).padStart(7)}  ${floor.gain.toFixed(2)}`,
      ]),
  ...(against === undefined
    ? []
    : modes.map((mode) => `${mode}: ${shownRatio(against[mode].speed)} times ${against[mode].name} on the same batch`)),
  ...quietLine(rest),
]

/**
 * Runs the comparison; a table on stdout, or JSON.
 *
 * @error UsageError for impossible arguments, or a peer without PyTorch; WorkerEnded when one side fails during the run
 */
export const benchGenerate = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseGenerate(args)
  if (options.help) return console.log(generateUsage)
  if (options.peer !== undefined) await checkPeer(options.peer)
  const { progress, finish } = begin("generate", args, options)
  const result = await runGenerate(options, progress)
  finish(result satisfies GenerateResult, generateLines(result))
}
