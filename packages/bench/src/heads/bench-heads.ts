/**
 * `bun run bench heads`: seconds and memory of training a head: with its target, on the frozen target, and on states of the
 * target that were computed before. Each form is a process of its own.
 */
import { join } from "node:path"
import { median } from "@winnow/numerics"
import { choice, count, countOrNone, flag, optionLines, readOptions, type ValuesOf } from "../options.ts"
import { checkSizes, sizes, spokenOptions } from "../side-by-side/common-options.ts"
import { begin, type Header } from "../side-by-side/header.ts"
import { type RoundRatios, shownRatio, speedRatio } from "../side-by-side/peer-sides.ts"
import { type Quietness, quietLine, runRounds } from "../side-by-side/rounds.ts"
import { type Answer, startWorker } from "../side-by-side/worker-process.ts"
import { type Form, forms, type HeadName, headNames, type TrainingSetting } from "./trainings.ts"

const options = {
  head: choice("NAME", headNames, "eagle", `of ${headNames.join(" and ")}`),
  target: sizes("256,4,8,1024", "of the target"),
  vocabulary: count("V", 1024, "ids"),
  batch: count("B", 8, "sequences of a step"),
  length: count("T", 256, "tokens of a sequence, a third of them its prompt"),
  batches: count("N", 8, "batches in turn, whose states are stored for the cached form"),
  rounds: count("R", 9, "timed steps of each form, after 2 untimed"),
  threads: count("N", 2, "threads of each process"),
  patience: countOrNone("S", 0, "most seconds to wait for other programs, and to repeat turns that they disturbed"),
  priority: flag("each turn runs at the highest priority, which needs root: for a shared machine"),
  ...spokenOptions,
} as const

export const headsUsage = `bun run bench heads [options]\n\n${optionLines(options)}`

/** Figures of one form. */
export interface HeadSide {
  readonly name: Form
  /** Median over rounds. */
  readonly secondsPerStep: number
  readonly tokensPerSecond: number
  readonly peakMegabytes: number
  /** Numbers that the optimizer changes. */
  readonly trained: number
  readonly cacheMegabytes: number
  /** Steps a second over those of full training, round by round. */
  readonly speed: RoundRatios
  /** 1 - its time and its memory over those of full training. */
  readonly less: { readonly time: number; readonly memory: number }
  readonly firstLoss: number
}

export interface HeadsResult extends Quietness {
  readonly head: HeadName
  readonly sides: ReadonlyArray<HeadSide>
}

/** The report that `--json` prints. */
export type HeadsReport = Header & HeadsResult

interface Stepped extends Answer {
  readonly loss: number
  readonly tokens: number
  readonly trained: number
  readonly cacheBytes: number
}

/** The first steps make optimizers, caches of kernels and pools of memory. */
const WARM_UP = 2

const runHeads = async (values: ValuesOf<typeof options>, say: (line: string) => void): Promise<HeadsResult> => {
  const { head, target, vocabulary, batch, length, batches, threads, rounds, patience, priority } = values
  const start = async (form: Form) => {
    const setting: TrainingSetting = { form, head, target, vocabulary, batch, length, batches }
    const flags = ["--threads", String(threads), "--setting", JSON.stringify(setting)]
    return { form, worker: await startWorker([process.execPath, join(import.meta.dir, "worker.ts"), ...flags]) }
  }
  const sides = [await start(forms[0]), await start(forms[1]), await start(forms[2])]
  const first = new Map<Form, number>()
  const { answers, ...quiet } = await runRounds(
    { sides, warmUp: WARM_UP, count: rounds, patience, priority, say },
    async ({ form, worker }) => {
      const answer = await worker.ask<Stepped>("step")
      if (!first.has(form)) first.set(form, answer.loss)
      return { answer, text: `${form} ${(1000 * answer.seconds).toFixed(0)} ms` }
    },
  )
  const peaks: Array<number> = []
  for (const { worker } of sides) peaks.push(await worker.end())
  const secondsOf = (i: number) => answers.map((round) => round[i]!.seconds)
  const full = { seconds: median(secondsOf(0)), peak: peaks[0]! }
  return {
    head,
    sides: sides.map(({ form }, i): HeadSide => {
      const seconds = median(secondsOf(i))
      const { tokens, trained, cacheBytes } = answers[0]![i]!
      return {
        name: form,
        secondsPerStep: seconds,
        tokensPerSecond: tokens / seconds,
        peakMegabytes: peaks[i]!,
        trained,
        cacheMegabytes: cacheBytes / 2 ** 20,
        speed: speedRatio(secondsOf(i), secondsOf(0)),
        less: { time: 1 - seconds / full.seconds, memory: 1 - peaks[i]! / full.peak },
        firstLoss: first.get(form)!,
      }
    }),
    ...quiet,
  }
}

/** The table of a measurement. */
export const headsLines = ({ head, sides, ...quiet }: HeadsResult): ReadonlyArray<string> => [
  "",
  `${head.padEnd(8)}  ms/step  times full           MiB  less time  less memory   trained`,
  ...sides.map(
    ({ name, secondsPerStep, speed, peakMegabytes, less, trained }) =>
      `${name.padEnd(8)} ${(1000 * secondsPerStep).toFixed(1).padStart(8)}  ${shownRatio(speed).padEnd(18)} ${peakMegabytes.toFixed(0).padStart(5)} ${(100 * less.time).toFixed(0).padStart(8)} % ${(100 * less.memory).toFixed(0).padStart(10)} % ${String(trained).padStart(9)}`,
  ),
  `the cached form stores ${sides.at(-1)!.cacheMegabytes.toFixed(0)} MiB of states, which its memory includes`,
  ...quietLine(quiet),
]

/**
 * Runs the measurement; a table on stdout, or JSON.
 *
 * @error UsageError for impossible arguments; WorkerEnded when a form fails during the run
 */
export const benchHeads = async (args: ReadonlyArray<string>): Promise<void> => {
  const { values } = readOptions("heads", args, options)
  if (values.help) return console.log(headsUsage)
  checkSizes("target", values.target, values.vocabulary)
  const { progress, finish } = begin("heads", args, values)
  const result = await runHeads(values, progress)
  finish(result, headsLines(result))
}
