/**
 * `bun run bench large`: a model of a published shape with random weights in bfloat16 is loaded, decodes, makes a pass
 * over a text, scores a data set into a cache, and verifies a draft's proposals. Memory is the process's largest resident
 * size, beside the bytes of the weights' files.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median } from "@winnow/numerics"
import { shapeFolder } from "../shapes/shape-folder.ts"
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
  readonly passedMegabytes: number
  /** Tokens that were scored into a cache of this size. */
  readonly scored: number
  readonly cacheBytes: number
  readonly scoreSeconds: number
  readonly scoredMegabytes: number
  /** Loading the draft; then tokens written with it, proposals accepted and rejected, and calls of the model. */
  readonly draftSeconds: number
  readonly speculateSeconds: number
  readonly written: number
  readonly accepted: number
  readonly rejected: number
  readonly blocks: number
  readonly speculatedMegabytes: number
}

/** The moments at which memory is read, in their order. */
const moments = ["empty", "loaded", "decoded", "passed", "scored", "speculated"] as const
type Moment = (typeof moments)[number]

/** The report that `--json` prints; medians over the processes, the largest of their memories. */
export interface LargeReport extends Header {
  readonly model: string
  readonly draft: string
  readonly precision: string
  readonly fileMegabytes: number
  readonly draftMegabytes: number
  readonly load: { readonly seconds: number; readonly gigabytesPerSecond: number }
  readonly milliseconds: {
    readonly prompt: number
    readonly token: number
    readonly block: number
    readonly pass: number
    /** Of a token. */
    readonly score: number
    readonly speculate: number
  }
  readonly scored: { readonly tokens: number; readonly bytesPerToken: number }
  /** With the draft: new tokens, calls of the model, and the share of proposals that it accepts. */
  readonly speculated: { readonly tokens: number; readonly calls: number; readonly acceptance: number }
  readonly megabytes: Readonly<Record<Moment, number>>
  /** Above the file's own size; with the draft above both files. */
  readonly above: Readonly<Record<Exclude<Moment, "empty">, number>>
  readonly rounds: ReadonlyArray<LargeFigures>
}

type LargeResult = Omit<LargeReport, keyof Header>

const mebi = 2 ** 20

const reportOf = (
  { model, draft, precision }: LargeOptions,
  bytes: { readonly model: number; readonly draft: number },
  rounds: ReadonlyArray<LargeFigures>,
): LargeResult => {
  const middle = (of: (f: LargeFigures) => number) => median(rounds.map(of))
  const most = (moment: Moment) => Math.max(...rounds.map((f) => f[`${moment}Megabytes`]))
  const seconds = middle((f) => f.loadSeconds)
  const megabytes = Object.fromEntries(moments.map((moment) => [moment, most(moment)])) as Record<Moment, number>
  const [fileMegabytes, draftMegabytes] = [bytes.model / mebi, bytes.draft / mebi]
  const above = (moment: Moment, files = fileMegabytes) => megabytes[moment] - files
  const { scored, cacheBytes, written, blocks, accepted, rejected } = rounds[0]! // equal in all: nothing is random
  return {
    ...{ model, draft, precision, fileMegabytes, draftMegabytes, megabytes, rounds },
    load: { seconds, gigabytesPerSecond: bytes.model / seconds / 1e9 },
    milliseconds: {
      prompt: 1000 * middle((f) => f.promptSeconds),
      token: 1000 * middle((f) => median(f.tokenSeconds)),
      block: 1000 * middle((f) => median(f.blockSeconds)),
      pass: 1000 * middle((f) => f.passSeconds),
      score: (1000 * middle((f) => f.scoreSeconds)) / scored,
      speculate: (1000 * middle((f) => f.speculateSeconds)) / written,
    },
    scored: { tokens: scored, bytesPerToken: cacheBytes / scored },
    speculated: { tokens: written, calls: blocks, acceptance: accepted / (accepted + rejected) },
    above: {
      loaded: above("loaded"),
      decoded: above("decoded"),
      passed: above("passed"),
      scored: above("scored"),
      speculated: above("speculated", fileMegabytes + draftMegabytes),
    },
  }
}

const linesOf = (
  { fileMegabytes, draftMegabytes, load, milliseconds: ms, megabytes, above, scored, speculated }: LargeResult,
  { prompt, block }: LargeOptions,
): ReadonlyArray<string> => {
  const row = (label: string, text: string) => `${label.padEnd(23)}${text}`
  const memory = (label: string, moment: Exclude<Moment, "empty">, files = "the file") =>
    row(`memory, ${label}`, `${megabytes[moment].toFixed(0)} MiB, ${above[moment].toFixed(0)} above ${files}`)
  return [
    row("files", `${fileMegabytes.toFixed(0)} MiB, the draft's ${draftMegabytes.toFixed(0)}`),
    row("load", `${load.seconds.toFixed(2)} s, ${load.gigabytesPerSecond.toFixed(2)} GB/s`),
    row(`prompt of ${prompt}`, `${ms.prompt.toFixed(0)} ms`),
    row("one token", `${ms.token.toFixed(0)} ms`),
    row(`block of ${block}`, `${ms.block.toFixed(0)} ms`),
    row(`pass over ${prompt}`, `${ms.pass.toFixed(0)} ms`),
    row("scoring", `${ms.score.toFixed(1)} ms a token, ${scored.tokens} tokens of ${scored.bytesPerToken} bytes`),
    row(
      "with the draft",
      `${ms.speculate.toFixed(0)} ms a token, ${speculated.tokens} in ${speculated.calls} calls, acceptance ${speculated.acceptance.toFixed(3)}`,
    ),
    row("memory, empty", `${megabytes.empty.toFixed(0)} MiB`),
    memory("loaded", "loaded"),
    memory("decoded", "decoded"),
    memory("a pass", "passed"),
    memory("scored", "scored"),
    memory("with draft", "speculated", "both files"),
  ]
}

/**
 * Runs the measurement; a table on stdout, or JSON.
 *
 * @error UsageError for impossible arguments; WorkerEnded when a process fails
 */
export const benchLarge = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseLarge(args)
  if (options.help) return console.log(largeUsage)
  const { progress, finish } = begin("large", args, options)
  const own = options.folder === ""
  const under = own ? mkdtempSync(join(tmpdir(), "winnow-bench-")) : options.folder
  try {
    const folder = await shapeFolder(under, options.model, progress)
    const draft = await shapeFolder(under, options.draft, progress)
    const rounds: Array<LargeFigures> = []
    const { threads, precision, prompt, tokens, block, score, gamma } = options
    const settings = Object.entries({ folder, draft, threads, precision, prompt, tokens, block, score, gamma })
    const flags = settings.flatMap(([name, value]) => [`--${name}`, String(value)])
    for (let round = 1; round <= options.rounds; round++) {
      rounds.push(JSON.parse(await runScript(join(import.meta.dir, "worker.ts"), flags)) as LargeFigures)
      progress(`round ${round} of ${options.rounds}: loaded in ${rounds.at(-1)!.loadSeconds.toFixed(2)} s`)
    }
    const bytesOf = (of: string) => statSync(join(of, "model.safetensors")).size
    const result = reportOf(options, { model: bytesOf(folder), draft: bytesOf(draft) }, rounds)
    finish(result, linesOf(result, options))
  } finally {
    if (own) rmSync(under, { recursive: true, force: true })
  }
}
