/** `bun run bench step`: the selective step against peers of the same sizes, in turns on the same machine. */
import { type Header, headerLines, headerOf } from "../side-by-side/header.ts"
import { checkPeer } from "../side-by-side/worker-process.ts"
import { flameSvg, flameTable, medianFlame } from "./flame.ts"
import { parseStep, stepUsage } from "./options.ts"
import { runSpans, runStep, type StepResult, type StepSide } from "./run-step.ts"
import { runSweep, type SweepResult } from "./sweep.ts"

/** What `--json` prints without a sweep. */
export type StepReport = Header & StepResult

const sideLine = ({ name, secondsPerStep, tokensPerSecond, peakMegabytes, gigaflopsPerSecond }: StepSide): string =>
  `${name.padEnd(44)} ${secondsPerStep.toFixed(3).padStart(8)} s  ${tokensPerSecond.toFixed(0).padStart(6)} tokens/s  ${peakMegabytes.toFixed(0).padStart(6)} MB  ${gigaflopsPerSecond.toFixed(0).padStart(4)} GFLOP/s`

/** The table of a comparison. */
export const stepLines = ({ ours, peers, against, floorGigaflops, signals }: StepResult): ReadonlyArray<string> => [
  ...[ours, ...peers].map(sideLine),
  ...peers.map(
    ({ name, speed_ratio, memory_ratio }) =>
      `ours / ${name}: ${speed_ratio.toFixed(2)} times its tokens a second, ${memory_ratio.toFixed(2)} of its memory`,
  ),
  ...(against === undefined || peers.length < 2 ? [] : [`the faster peer is ${against.name}`]),
  `floor with signals ${signals}: ${floorGigaflops.total.toFixed(0)} GFLOP (frozen models ${floorGigaflops.frozen.toFixed(0)}, draft ${floorGigaflops.draft.toFixed(0)}, statistics ${floorGigaflops.statistics.toFixed(0)}, kept rows ${floorGigaflops.kept.toFixed(0)})`,
]

/**
 * Runs the comparison or the sweep; a table on stdout, or JSON.
 *
 * @error UsageError for arguments that cannot be, or a peer that lacks PyTorch; WorkerEnded when one side fails on the way
 */
export const benchStep = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseStep(args)
  if (options.help) return console.log(stepUsage)
  if (options.peer !== undefined) await checkPeer(options.peer)
  const header = headerOf("step", args)
  const say = (line: string) => (options.json ? undefined : console.log(line))
  for (const line of headerLines(header)) say(line)
  if (options.sweep !== undefined) {
    const points = await runSweep(options, options.sweep, say)
    if (options.json) console.log(JSON.stringify({ ...header, sweep: options.sweep, points } satisfies SweepResult))
    return
  }
  const progress = (line: string) => (options.json ? undefined : console.error(line))
  if (options.flame !== undefined) {
    const flame = medianFlame(await runSpans(options, progress))
    const mode = `${options.precision} products, signals ${options.cached ? `cached (top ${options.topK})` : "live"}`
    await Bun.write(options.flame, flameSvg(flame, `One selective step: ${mode}`))
    return console.log(options.json ? JSON.stringify({ ...header, flame }) : flameTable(flame))
  }
  const result = await runStep(options, progress)
  for (const line of stepLines(result)) say(line)
  if (options.json) console.log(JSON.stringify({ ...header, ...result } satisfies StepReport))
}
