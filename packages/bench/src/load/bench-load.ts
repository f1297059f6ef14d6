/**
 * `bun run bench load` times loading a model folder to float32 tensors, from the page cache, against safetensors and
 * PyTorch.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median } from "@winnow/numerics"
import { begin, type Header } from "../side-by-side/header.ts"
import { type RoundRatios, shownRatio, speedRatio } from "../side-by-side/peer-sides.ts"
import { type Quietness, quietLine, runRounds } from "../side-by-side/rounds.ts"
import { runScript } from "../side-by-side/run-child.ts"
import { checkPeer, startWorker, type Worker } from "../side-by-side/worker-process.ts"
import { type Format, formats } from "./formats.ts"
import { type LoadOptions, loadUsage, parseLoad } from "./options.ts"

/** One side's loads of one format. */
interface Loaded {
  readonly seconds: ReadonlyArray<number>
  /** Bytes of the file over the median of `seconds`, in units of 1e9 bytes a second. */
  readonly gigabytesPerSecond: number
}

/** One format on both sides. */
export interface LoadRow extends Quietness {
  readonly format: Format
  readonly megabytes: number
  readonly ours: Loaded
  readonly peer?: Loaded
  /** Our speed over the peer's: the median over rounds. */
  readonly speed?: RoundRatios
}

/** The report that `--json` prints. */
export interface LoadReport extends Header {
  readonly names: ReadonlyArray<string>
  readonly peakMegabytes: ReadonlyArray<number>
  readonly rows: ReadonlyArray<LoadRow>
}

/** Untimed loads at the start: they fill the page cache and allocate memory. */
const WARM_UP = 2

const write = async ({ model, vocab, threads }: LoadOptions, folder: string): Promise<void> => {
  const args = ["--model", String(model), "--vocab", String(vocab), "--threads", String(threads)]
  await runScript(join(import.meta.dir, "make-models.ts"), [folder, ...args])
}

const rowOf = (
  format: Format,
  bytes: number,
  [ours, peer]: ReadonlyArray<ReadonlyArray<number>>,
): Omit<LoadRow, keyof Quietness> => {
  const loaded = (seconds: ReadonlyArray<number>) => ({ seconds, gigabytesPerSecond: bytes / median(seconds) / 1e9 })
  return {
    format,
    megabytes: bytes / 1e6,
    ours: loaded(ours!),
    ...(peer && { peer: loaded(peer), speed: speedRatio(ours!, peer) }),
  }
}

/**
 * Writes the models, starts the sides and alternates them. Neither keeps memory that it freed: loading a model once
 * uses memory that the process does not have yet, so its page faults belong to the loading.
 *
 * @error WorkerEnded when a side fails during the run
 */
const runLoad = async (o: LoadOptions, say: (line: string) => void): Promise<Omit<LoadReport, keyof Header>> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-"))
  try {
    await write(o, folder)
    const args = ["--folder", folder, "--threads", String(o.threads)]
    const script = join(import.meta.dir, "../../peers/torch_load.py")
    const commands = [
      [process.execPath, join(import.meta.dir, "worker.ts")],
      ...(o.peer === undefined ? [] : [[o.peer, script]]),
    ]
    const sides: Array<{ readonly worker: Worker }> = []
    for (const command of commands) sides.push({ worker: await startWorker([...command, ...args]) })
    const rows: Array<LoadRow> = []
    for (const format of formats) {
      const { answers, ...quietness } = await runRounds(
        { sides, warmUp: WARM_UP, count: o.rounds, patience: o.patience, priority: o.priority, say },
        async ({ worker }) => {
          const { seconds } = await worker.ask(`load ${format}`)
          return { answer: seconds, text: `${worker.name} ${seconds.toFixed(3)} s` }
        },
      )
      const seconds = sides.map((_, i) => answers.map((round) => round[i]!))
      const row = rowOf(format, statSync(join(folder, format, "model.safetensors")).size, seconds)
      rows.push({ ...row, ...quietness })
    }
    const peakMegabytes: Array<number> = []
    for (const { worker } of sides) peakMegabytes.push(await worker.end())
    return { names: sides.map(({ worker }) => worker.name), peakMegabytes, rows }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The table of a comparison. */
export const loadLines = ({ names, rows }: Pick<LoadReport, "names" | "rows">): ReadonlyArray<string> => {
  const rate = (loaded: Loaded | undefined) => (loaded ? `${loaded.gigabytesPerSecond.toFixed(2)} GB/s` : "")
  return [
    `${"format".padEnd(7)} ${"file".padStart(9)}  ${names.map((name) => name.padStart(36)).join("  ")}`,
    ...rows.map(({ format, megabytes, ours, peer, speed }) =>
      [
        `${format.padEnd(7)} ${megabytes.toFixed(0).padStart(6)} MB`,
        rate(ours).padStart(36),
        ...(peer ? [rate(peer).padStart(36), `${shownRatio(speed!)} x`] : []),
      ].join("  "),
    ),
    ...rows.flatMap((row) => quietLine(row).map((line) => `${row.format.padEnd(7)} ${line}`)),
  ]
}

/**
 * Runs the comparison; a table on stdout, or JSON.
 *
 * @error UsageError for impossible arguments, or a peer without its packages; WorkerEnded when one side fails during
 * the run
 */
export const benchLoad = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseLoad(args)
  if (options.help) return console.log(loadUsage)
  if (options.peer !== undefined) await checkPeer(options.peer, ["torch", "safetensors"])
  const { progress, finish } = begin("load", args, options)
  const result = await runLoad(options, progress)
  finish(result, loadLines(result))
}
