/** `bun run bench parallel`: a step that several processes share beside the step of one, of ours and of PyTorch's. */
import { begin, type Header } from "../side-by-side/header.ts"
import { shownRatio } from "../side-by-side/peer-sides.ts"
import { quietLine } from "../side-by-side/rounds.ts"
import { checkPeer } from "../side-by-side/worker-process.ts"
import { parallelUsage, parseParallel } from "./options.ts"
import { type ParallelResult, type ParallelSide, runParallel } from "./run-parallel.ts"

/** The report that `--json` prints. */
export type ParallelReport = Header & ParallelResult

const sideLine = ({ name, secondsPerStep, tokensPerSecond, peakMegabytes }: ParallelSide): string =>
  `${name.padEnd(52)} ${secondsPerStep.toFixed(3).padStart(8)} s  ${tokensPerSecond.toFixed(0).padStart(6)} tokens/s  ${peakMegabytes.toFixed(0).padStart(6)} MB`

/** The table of a comparison. */
export const parallelLines = ({ bound, scalings, ...quietness }: ParallelResult): ReadonlyArray<string> => [
  ...scalings.flatMap(({ one, several }) => [one, several]).map(sideLine),
  ...scalings.map(
    ({ of, several, efficiency }) =>
      `efficiency of ${several.processes} processes, ${of === "ours" ? "ours" : "the peer's"}: ${shownRatio(efficiency)}`,
  ),
  ...(bound ? [] : ["there is no taskset here, so that the processes chose their cores themselves"]),
  ...quietLine(quietness),
]

/**
 * Runs the comparison; a table on stdout, or JSON.
 *
 * @error UsageError for impossible arguments, or a peer without PyTorch; WorkerEnded when one side fails during the run
 */
export const benchParallel = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseParallel(args)
  if (options.help) return console.log(parallelUsage)
  if (options.peer !== undefined) await checkPeer(options.peer)
  const { progress, finish } = begin("parallel", args, options)
  const result = await runParallel(options, progress)
  finish(result satisfies ParallelResult, parallelLines(result))
}
