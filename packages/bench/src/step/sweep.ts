/** The step over a range of sizes: it shows if time is linear in tokens, and if memory is constant. */
import type { Header } from "../side-by-side/header.ts"
import type { StepOptions, Sweep } from "./options.ts"
import { runStep, type StepResult } from "./run-step.ts"

/** One size of a sweep. */
export interface SweepPoint extends Omit<StepResult, "peers" | "against" | "lossDifference"> {
  /** The varied size: V, d, or tokens a step. */
  readonly at: number
  readonly microsecondsPerToken: number
}

export interface SweepResult extends Header {
  readonly sweep: Sweep
  readonly points: ReadonlyArray<SweepPoint>
}

const ranges: Readonly<Record<Sweep, ReadonlyArray<number>>> = {
  vocab: [4096, 50304, 151936],
  width: [64, 128, 256, 512, 1024],
  tokens: [256, 512, 1024, 2048, 4096, 8192],
}

/** Options at one size: the vocabulary; width of draft and reference, with heads of 32; or the number of sequences. */
const pointOf = (o: StepOptions, sweep: Sweep, at: number): StepOptions => {
  if (sweep === "vocab") return { ...o, vocab: at }
  if (sweep === "width") return { ...o, draft: [at, o.draft[1], at / 32, 4 * at] }
  return { ...o, batch: Math.max(1, at / o.length), length: Math.min(at, o.length) }
}

/** The options at each size of a sweep. */
export const pointsOf = (o: StepOptions, sweep: Sweep): ReadonlyArray<StepOptions> =>
  ranges[sweep].map((at) => pointOf(o, sweep, at))

/** Head and lines of the table. */
export const sweepHead = (sweep: Sweep): string =>
  `${sweep.padStart(8)}  ${"s a step".padStart(9)}  ${"us a token".padStart(10)}  ${"peak MB".padStart(8)}  GFLOP/s`

export const sweepLine = ({ at, ours, microsecondsPerToken }: SweepPoint): string =>
  `${String(at).padStart(8)}  ${ours.secondsPerStep.toFixed(3).padStart(9)}  ${microsecondsPerToken.toFixed(1).padStart(10)}  ${ours.peakMegabytes.toFixed(0).padStart(8)}  ${ours.gigaflopsPerSecond.toFixed(0)}`

/**
 * Runs a sweep in one process for each size, so that each has its own peak memory.
 *
 * @param say receives each line of the table
 * @error WorkerEnded when a size fails
 */
export const runSweep = async (
  o: StepOptions,
  sweep: Sweep,
  say: (line: string) => void,
): Promise<ReadonlyArray<SweepPoint>> => {
  const points: Array<SweepPoint> = []
  say(sweepHead(sweep))
  for (const [i, options] of pointsOf(o, sweep).entries()) {
    const { peers: _, against: __, lossDifference: ___, ...result } = await runStep(options, () => {})
    const at = ranges[sweep][i]!
    points.push({ ...result, at, microsecondsPerToken: 1e6 / result.ours.tokensPerSecond })
    say(sweepLine(points.at(-1)!))
  }
  return points
}
