/** `bun run bench together`: several prompts decoded with a draft at once, beside one prompt at a time. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median } from "@winnow/numerics"
import { parseDecode } from "../decode/options.ts"
import { writePair } from "../decode/write-pair.ts"
import { begin, type Header } from "../side-by-side/header.ts"
import { type RoundRatios, shownRatio, speedRatio } from "../side-by-side/peer-sides.ts"
import { type Quietness, quietLine, runRounds } from "../side-by-side/rounds.ts"
import { type Answer, startWorker } from "../side-by-side/worker-process.ts"
import { parseTogether, type TogetherBenchOptions, togetherUsage } from "./options.ts"

/** Prompts one at a time, and all of a round at once. */
const ways = ["one", "together"] as const
type Way = (typeof ways)[number]

interface Decoded extends Answer {
  readonly texts: ReadonlyArray<ReadonlyArray<number>>
  readonly accepted: number
  readonly rejected: number
}

/** Figures of a way. */
export interface TogetherTimes {
  /** Of each timed round. */
  readonly seconds: ReadonlyArray<number>
  readonly tokensPerSecond: number
}

/** The report that `--json` prints. */
export interface TogetherReport extends Header, Quietness {
  readonly sizes: Omit<TogetherBenchOptions, "json" | "help" | "patience" | "priority">
  readonly one: TogetherTimes
  readonly together: TogetherTimes
  /** Speed of all at once over one at a time. */
  readonly gain: RoundRatios
  /** Texts that both ways write alike, and all. */
  readonly same: number
  readonly texts: number
  readonly acceptance: number
  readonly peakMegabytes: number
}

type TogetherResult = Omit<TogetherReport, keyof Header>

const WARM_UP = 1

const run = async (o: TogetherBenchOptions, folder: string, say: (line: string) => void): Promise<TogetherResult> => {
  const { draft, target, vocab, agreement, gamma, batch, prompt, new: fresh, threads, precision } = o
  const settings = Object.entries({ draft, target, vocab, agreement, gamma, prompt, new: fresh, threads })
  const pair = parseDecode(settings.flatMap(([name, value]) => [`--${name}`, String(value)]))
  const prompts = (WARM_UP + o.rounds) * batch
  await writePair({ ...pair, rounds: prompts }, folder, 0)
  const words = Object.entries({ folder, gamma, new: fresh, batch, threads, precision })
  const flags = words.flatMap(([name, value]) => [`--${name}`, String(value)])
  const worker = await startWorker([process.execPath, join(import.meta.dir, "worker.ts"), ...flags])
  const sides = ways.map((way) => ({ way, worker }))
  const { answers, ...quietness } = await runRounds(
    { sides, warmUp: WARM_UP, count: o.rounds, patience: o.patience, priority: o.priority, say },
    async ({ way }, round) => {
      const answer = await worker.ask<Decoded>(`${way} ${round}`)
      return { answer, text: `${way} ${answer.seconds.toFixed(2)} s` }
    },
  )
  const of = (way: Way) => answers.map((round) => round[ways.indexOf(way)]!)
  const times = (way: Way): TogetherTimes => {
    const seconds = of(way).map((answer) => answer.seconds)
    return { seconds, tokensPerSecond: (batch * fresh) / median(seconds) }
  }
  const [one, together] = [times("one"), times("together")]
  const written = (way: Way) => of(way).flatMap(({ texts }) => texts.map((text) => text.join()))
  const [alone, atOnce] = [written("one"), written("together")]
  const sum = (name: "accepted" | "rejected") => of("together").reduce((total, answer) => total + answer[name], 0)
  const { json, help, patience, priority, ...sizes } = o
  return {
    ...{ sizes, one, together },
    gain: speedRatio(together.seconds, one.seconds),
    same: alone.filter((text, i) => text === atOnce[i]).length,
    texts: alone.length,
    acceptance: sum("accepted") / (sum("accepted") + sum("rejected")),
    peakMegabytes: await worker.end(),
    ...quietness,
  }
}

const linesOf = (result: TogetherResult): ReadonlyArray<string> => [
  `one at a time    ${result.one.tokensPerSecond.toFixed(1)} tokens/s`,
  `${`${result.sizes.batch} at once`.padEnd(16)} ${result.together.tokensPerSecond.toFixed(1)} tokens/s, ${shownRatio(result.gain)} times`,
  `acceptance ${result.acceptance.toFixed(3)}; ${result.same} of ${result.texts} texts the same; ${result.peakMegabytes.toFixed(0)} MB`,
  ...quietLine(result),
]

/**
 * Runs the comparison; a table on stdout, or JSON.
 *
 * @error UsageError for impossible arguments; WorkerEnded when the worker fails
 */
export const benchTogether = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseTogether(args)
  if (options.help) return console.log(togetherUsage)
  const { progress, finish } = begin("together", args, options)
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-"))
  try {
    const result = await run(options, folder, progress)
    finish(result, linesOf(result))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
