/** `bun run bench step`: the selective step against peers of the same sizes, in turns on one machine. */
import { begin, type Header } from "../side-by-side/header.ts"
import { shownRatio } from "../side-by-side/peer-sides.ts"
import { quietLine } from "../side-by-side/rounds.ts"
import { checkPeer } from "../side-by-side/worker-process.ts"
import { flameSvg, flameTable, medianFlame } from "./flame.ts"
import { parseStep, stepUsage } from "./options.ts"
import { runSpans, runStep, type StepResult, type StepSide } from "./run-step.ts"
import { runSweep } from "./sweep.ts"

/** The report that `--json` prints without a sweep. */
export type StepReport = Header & StepResult

/** Peers whose losses differ by more than this do different work; bfloat16 alone gives about 0.0003. */
const SAME_LOSS = 0.01

const sideLine = ({ name, secondsPerStep, tokensPerSecond, peakMegabytes, gigaflopsPerSecond }: StepSide): string =>
  `${name.padEnd(58)} ${secondsPerStep.toFixed(3).padStart(8)} s  ${tokensPerSecond.toFixed(0).padStart(6)} tokens/s  ${peakMegabytes.toFixed(0).padStart(6)} MB  ${gigaflopsPerSecond.toFixed(0).padStart(4)} GFLOP/s`

/** The table of a comparison. */
export const stepLines = (result: StepResult): ReadonlyArray<string> => {
  const { ours, peers, against, floorGigaflops, signals, lossDifference } = result
  return [
    ...[ours, ...peers].map(sideLine),
    ...peers.map(({ name, environment, speed, memory_ratio }) => {
      const settings = Object.keys(environment).length === 0 ? " (the system's allocator settings)" : ""
      return `ours / ${name}${settings}: ${shownRatio(speed)} times its tokens a second, ${memory_ratio.toFixed(2)} of its memory`
    }),
    ...(against.eager === undefined || peers.length < 2 ? [] : [`the faster eager peer is ${against.eager.name}`]),
    ...(lossDifference !== null && lossDifference > SAME_LOSS
      ? [`the peers' losses differ by up to ${(100 * lossDifference).toFixed(1)} %: they do not do the same work`]
      : []),
    `floor with signals ${signals}: ${floorGigaflops.total.toFixed(0)} GFLOP (frozen models ${floorGigaflops.frozen.toFixed(0)}, draft ${floorGigaflops.draft.toFixed(0)}, statistics ${floorGigaflops.statistics.toFixed(0)}, kept rows ${floorGigaflops.kept.toFixed(0)})`,
    ...quietLine(result),
  ]
}

/**
 * Runs the comparison or the sweep; a table on stdout, or JSON.
 *
 * @error UsageError for impossible arguments, or a peer without PyTorch; WorkerEnded when one side fails during the run
 */
export const benchStep = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseStep(args)
  if (options.help) return console.log(stepUsage)
  if (options.peer !== undefined) await checkPeer(options.peer)
  const { say, progress, finish } = begin("step", args, options)
  if (options.sweep !== undefined)
    return finish({ sweep: options.sweep, points: await runSweep(options, options.sweep, say) })
  if (options.flame !== undefined) {
    const flame = medianFlame(await runSpans(options, progress))
    const mode = `${options.precision} products, signals ${options.cached ? `cached (top ${options.topK})` : "live"}`
    await Bun.write(options.flame, flameSvg(flame, `One selective step: ${mode}`))
    return finish({ flame }, [flameTable(flame)])
  }
  const result = await runStep(options, progress)
  finish(result satisfies StepResult, stepLines(result))
}
