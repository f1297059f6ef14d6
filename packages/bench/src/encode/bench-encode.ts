/** `bun run bench encode`: text to ids of GSM8K in batches, against Python's `tokenizers`. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { tokenizerFiles, trainBpe } from "@winnow/data"
import { median } from "@winnow/numerics"
import { gsm8kExamples } from "../gsm8k.ts"
import { fileIn, tokenizerFile } from "../lookup/data.ts"
import { count, optional, optionLines, readOptions, text, UsageError, type ValuesOf } from "../options.ts"
import { commonOptions } from "../side-by-side/common-options.ts"
import { begin, type Header } from "../side-by-side/header.ts"
import { type RoundRatios, shownRatio, speedRatio } from "../side-by-side/peer-sides.ts"
import { type Quietness, quietLine, runRounds } from "../side-by-side/rounds.ts"
import { type Answer, checkPeer, startWorker, type Worker } from "../side-by-side/worker-process.ts"

const options = {
  ...commonOptions("tokenizers"),
  data: optional(
    text("DIR", "", `the folder of data sets with gsm8k/train.jsonl and ${tokenizerFile}, WINNOW_DATA if left out`),
  ),
  problems: count("N", 6500, "only the first N training problems, prompts and answers as texts of their own"),
  vocabulary: count("V", 1024, "ids of our own BPE, trained on 1000 of them"),
  rounds: count("R", 9, "timed rounds of each tokenizer, after 2 untimed"),
} as const

export const encodeUsage = `bun run bench encode [--peer PYTHON] [options]\n\n${optionLines(options)}`

type Values = ValuesOf<typeof options>

/** Python's methods: the second leaves out the offsets of tokens, which ours does not read either. */
export const methods = ["encode_batch", "encode_batch_fast"] as const

/** The times of one side with one tokenizer. */
export interface Encoded {
  readonly name: string
  readonly seconds: ReadonlyArray<number>
  /** MB of UTF-8 over the median of `seconds`. */
  readonly megabytesPerSecond: number
  readonly tokens: number
  /** The sum of all ids: equal for equal ids. */
  readonly sum: number
}

/** One tokenizer on all sides. */
export interface EncodeRow extends Quietness {
  readonly tokenizer: string
  readonly megabytes: number
  readonly ours: Encoded
  readonly peers: ReadonlyArray<Encoded & { readonly method: (typeof methods)[number]; readonly speed: RoundRatios }>
}

/** The report that `--json` prints. */
export interface EncodeReport extends Header {
  readonly rows: ReadonlyArray<EncodeRow>
}

interface Counted extends Answer {
  readonly tokens: number
  readonly sum: number
}

/** Untimed calls at the start: a tokenizer remembers words. */
const WARM_UP = 2

/** Writes each tokenizer and the texts into a folder of its own; returns their bytes of UTF-8. */
const writeInputs = async (folder: string, data: string, { problems, vocabulary }: Values): Promise<number> => {
  const texts = (await gsm8kExamples(data, problems)).flatMap(({ prompt, answer }) => [prompt, answer])
  const own = trainBpe(texts.slice(0, 2000), { vocabularySize: vocabulary })
  const files = {
    "gpt-neox": { "tokenizer.json": readFileSync(fileIn(data, tokenizerFile), "utf8") },
    "own-bpe": tokenizerFiles(own),
  }
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name))
    for (const [file, of] of Object.entries(content)) writeFileSync(join(folder, name, file), of)
    writeFileSync(join(folder, name, "texts.json"), JSON.stringify(texts))
  }
  return texts.reduce((sum, one) => sum + Buffer.byteLength(one), 0)
}

const encodedOf = (name: string, bytes: number, answers: ReadonlyArray<Counted>): Encoded => {
  const seconds = answers.map((answer) => answer.seconds)
  const { tokens, sum } = answers[0]!
  return { name, seconds, megabytesPerSecond: bytes / 1e6 / median(seconds), tokens, sum }
}

const runEncode = async (
  data: string,
  values: Values,
  say: (line: string) => void,
): Promise<ReadonlyArray<EncodeRow>> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-encode-"))
  try {
    const bytes = await writeInputs(folder, data, values)
    const script = join(import.meta.dir, "../../peers/hf_encode.py")
    const { peer, threads, rounds, patience, priority } = values
    const commands = [
      [process.execPath, join(import.meta.dir, "worker.ts")],
      ...(peer === undefined ? [] : methods.map((method) => [peer, script, "--method", method])),
    ]
    const environment = { RAYON_NUM_THREADS: String(threads), TOKENIZERS_PARALLELISM: "true" }
    const sides: Array<{ readonly worker: Worker }> = []
    for (const command of commands)
      sides.push({ worker: await startWorker([...command, "--folder", folder], environment) })
    const rows: Array<EncodeRow> = []
    for (const tokenizer of ["gpt-neox", "own-bpe"]) {
      const { answers, ...quiet } = await runRounds(
        { sides, warmUp: WARM_UP, count: rounds, patience, priority, say },
        async ({ worker }) => {
          const answer = await worker.ask<Counted>(`encode ${tokenizer}`)
          return { answer, text: `${worker.name} ${(bytes / 1e6 / answer.seconds).toFixed(2)} MB/s` }
        },
      )
      const [ours, ...peers] = sides.map(({ worker: { name } }, i) =>
        encodedOf(
          name,
          bytes,
          answers.map((round) => round[i]!),
        ),
      )
      const compared = peers.map((of, i) => ({
        ...of,
        method: methods[i]!,
        speed: speedRatio(ours!.seconds, of.seconds),
      }))
      rows.push({ tokenizer, megabytes: bytes / 1e6, ours: ours!, peers: compared, ...quiet })
    }
    for (const { worker } of sides) await worker.end()
    return rows
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The table of a comparison. */
export const encodeLines = (rows: ReadonlyArray<EncodeRow>): ReadonlyArray<string> =>
  rows.flatMap(({ tokenizer, megabytes, ours, peers, ...quiet }) => [
    "",
    `${tokenizer}: ${megabytes.toFixed(1)} MB of text, ${ours.tokens} tokens`,
    `${ours.name.padEnd(46)} ${ours.megabytesPerSecond.toFixed(2).padStart(6)} MB/s`,
    ...peers.map(({ name, megabytesPerSecond, speed, tokens, sum }) => {
      const same = tokens === ours.tokens && sum === ours.sum ? "the same ids" : "OTHER ids"
      return `${name.padEnd(46)} ${megabytesPerSecond.toFixed(2).padStart(6)} MB/s, ${same}; ours ${shownRatio(speed)} x`
    }),
    ...quietLine(quiet),
  ])

/**
 * Runs the comparison; a table on stdout, or JSON.
 *
 * @error UsageError for impossible arguments, a missing file, or a peer without `tokenizers`; WorkerEnded when one side
 * fails during the run
 */
export const benchEncode = async (args: ReadonlyArray<string>): Promise<void> => {
  const { values } = readOptions("encode", args, options)
  if (values.help) return console.log(encodeUsage)
  const data = values.data ?? process.env["WINNOW_DATA"]
  if (data === undefined || data === "") throw new UsageError("no data folder: give --data DIR, or set WINNOW_DATA")
  for (const file of ["gsm8k/train.jsonl", tokenizerFile]) fileIn(data, file)
  if (values.peer !== undefined) await checkPeer(values.peer, ["tokenizers"])
  const { progress, finish } = begin("encode", args, values)
  const rows = await runEncode(data, values, progress)
  finish({ rows } satisfies Omit<EncodeReport, keyof Header>, encodeLines(rows))
}
