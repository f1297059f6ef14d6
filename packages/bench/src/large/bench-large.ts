/**
 * `bun run bench large`: a model of a published shape with random weights in bfloat16 is loaded, decodes and makes a pass
 * over a text. Memory is the process's largest resident size, beside the bytes of the weights' file.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median } from "@winnow/numerics"
import { begin, type Header } from "../side-by-side/header.ts"
import { runScript } from "../side-by-side/run-child.ts"
import { type LargeOptions, largeUsage, parseLarge } from "./options.ts"

/** Figures of one process; megabytes are of 2^20 bytes, each the largest so far. */
export interface LargeFigures {
  /** Before the model is loaded. */
  readonly emptyMegabytes: number
  readonly loadSeconds: number
  readonly loadedMegabytes: number
  readonly promptSeconds: number
  readonly tokenSeconds: ReadonlyArray<number>
  /** Of blocks of tokens, as verification has them. */
  readonly blockSeconds: ReadonlyArray<number>
  readonly decodedMegabytes: number
  /** A pass of a frozen model over the prompt, with logits of some rows. */
  readonly passSeconds: number
  readonly peakMegabytes: number
}

/** The report that `--json` prints; medians over the processes, the largest of their memories. */
export interface LargeReport extends Header {
  readonly model: string
  readonly precision: string
  readonly fileMegabytes: number
  readonly load: { readonly seconds: number; readonly gigabytesPerSecond: number }
  readonly milliseconds: {
    readonly prompt: number
    readonly token: number
    readonly block: number
    readonly pass: number
  }
  readonly megabytes: {
    readonly empty: number
    readonly loaded: number
    readonly decoded: number
    readonly peak: number
  }
  /** Above the file's own size. */
  readonly above: { readonly decoded: number; readonly peak: number }
  readonly rounds: ReadonlyArray<LargeFigures>
}

const mebi = 2 ** 20

const reportOf = (
  { model, precision }: LargeOptions,
  bytes: number,
  rounds: ReadonlyArray<LargeFigures>,
): Omit<LargeReport, keyof Header> => {
  const middle = (of: (f: LargeFigures) => number) => median(rounds.map(of))
  const most = (of: (f: LargeFigures) => number) => Math.max(...rounds.map(of))
  const seconds = middle((f) => f.loadSeconds)
  const megabytes = {
    empty: most((f) => f.emptyMegabytes),
    loaded: most((f) => f.loadedMegabytes),
    decoded: most((f) => f.decodedMegabytes),
    peak: most((f) => f.peakMegabytes),
  }
  const fileMegabytes = bytes / mebi
  return {
    ...{ model, precision, fileMegabytes, megabytes, rounds },
    load: { seconds, gigabytesPerSecond: bytes / seconds / 1e9 },
    milliseconds: {
      prompt: 1000 * middle((f) => f.promptSeconds),
      token: 1000 * middle((f) => median(f.tokenSeconds)),
      block: 1000 * middle((f) => median(f.blockSeconds)),
      pass: 1000 * middle((f) => f.passSeconds),
    },
    above: { decoded: megabytes.decoded - fileMegabytes, peak: megabytes.peak - fileMegabytes },
  }
}

const linesOf = (
  { fileMegabytes, load, milliseconds: ms, megabytes, above }: Omit<LargeReport, keyof Header>,
  { prompt, block }: LargeOptions,
): ReadonlyArray<string> => [
  `file                  ${fileMegabytes.toFixed(0)} MiB`,
  `load                  ${load.seconds.toFixed(2)} s, ${load.gigabytesPerSecond.toFixed(2)} GB/s`,
  `${`prompt of ${prompt}`.padEnd(22)}${ms.prompt.toFixed(0)} ms`,
  `one token             ${ms.token.toFixed(0)} ms`,
  `${`block of ${block}`.padEnd(22)}${ms.block.toFixed(0)} ms`,
  `${`pass over ${prompt}`.padEnd(22)}${ms.pass.toFixed(0)} ms`,
  `memory, loaded        ${megabytes.loaded.toFixed(0)} MiB, ${megabytes.empty.toFixed(0)} of them before the model`,
  `memory, decoded       ${megabytes.decoded.toFixed(0)} MiB, ${above.decoded.toFixed(0)} above the file`,
  `memory, after a pass  ${megabytes.peak.toFixed(0)} MiB, ${above.peak.toFixed(0)} above the file`,
]

/**
 * Runs the measurement; a table on stdout, or JSON.
 *
 * @error UsageError for impossible arguments; WorkerEnded when a process fails
 */
export const benchLarge = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseLarge(args)
  if (options.help) return console.log(largeUsage)
  const { progress, finish } = begin(
    "large",
    args.map((arg, i) => (args[i - 1] === "--folder" ? "DIR" : arg)), // a path means nothing elsewhere
    options,
  )
  const own = options.folder === ""
  const folder = own ? mkdtempSync(join(tmpdir(), "winnow-bench-")) : join(options.folder, options.model)
  try {
    mkdirSync(folder, { recursive: true })
    if (!existsSync(join(folder, "model.safetensors"))) {
      progress(`writing ${options.model}`)
      await runScript(join(import.meta.dir, "make-model.ts"), [folder, options.model])
    }
    const rounds: Array<LargeFigures> = []
    const { threads, precision, prompt, tokens, block } = options
    const settings = Object.entries({ folder, threads, precision, prompt, tokens, block })
    const flags = settings.flatMap(([name, value]) => [`--${name}`, String(value)])
    for (let round = 1; round <= options.rounds; round++) {
      rounds.push(JSON.parse(await runScript(join(import.meta.dir, "worker.ts"), flags)) as LargeFigures)
      progress(`round ${round} of ${options.rounds}: loaded in ${rounds.at(-1)!.loadSeconds.toFixed(2)} s`)
    }
    const result = reportOf(options, statSync(join(folder, "model.safetensors")).size, rounds)
    finish(result, linesOf(result, options))
  } finally {
    if (own) rmSync(folder, { recursive: true, force: true })
  }
}
