/** `bun run bench packing`: tokens a second of a training on GSM8K with rows that are padded, in buckets, and packed. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type EncodedTask, encodeTask, trainBpe } from "@winnow/data"
import { median } from "@winnow/numerics"
import { openEngine, type Precision, setPrecision } from "@winnow/tensor"
import { Effect } from "effect"
import { gsm8kExamples } from "../gsm8k.ts"
import { fileIn } from "../lookup/data.ts"
import {
  choice,
  choices,
  count,
  countOrNone,
  flag,
  optional,
  optionLines,
  readOptions,
  text,
  UsageError,
  type ValuesOf,
} from "../options.ts"
import { precisions, sizes, spokenOptions } from "../side-by-side/common-options.ts"
import { begin, type Header } from "../side-by-side/header.ts"
import { type RoundRatios, shownRatio, speedRatio } from "../side-by-side/peer-sides.ts"
import { type Quietness, quietLine, runRounds } from "../side-by-side/rounds.ts"
import { type Kind, kinds, type SideName, sidesOf } from "./trainings.ts"

const options = {
  data: optional(text("DIR", "", "the folder of data sets with gsm8k/train.jsonl, WINNOW_DATA if left out")),
  kinds: choices(
    "LIST",
    kinds,
    kinds.join(","),
    `of ${kinds.join(", ")}: the target's own training, an AdaSPEC arm with live models, the same arm from caches`,
  ),
  problems: count("N", 2000, "only the first N training problems"),
  vocabulary: count("V", 1024, "ids of the BPE that is trained on them"),
  "max-length": count("L", 320, "longer examples are left out"),
  batch: count("B", 16, "sequences of a step"),
  draft: sizes("64,1,2,256", "of draft and reference"),
  target: sizes("256,4,8,1024", "of the target"),
  precision: choice("P", precisions, "float32", "operands of products"),
  steps: count("S", 8, "steps of each side in a round"),
  rounds: count("R", 7, "timed rounds, after 1 untimed"),
  threads: count("N", 2, "threads"),
  patience: countOrNone("S", 0, "most seconds to wait for other programs, and to repeat turns that they disturbed"),
  priority: flag("each turn runs at the highest priority, which needs root: for a shared machine"),
  ...spokenOptions,
} as const

export const packingUsage = `bun run bench packing [options]\n\n${optionLines(options)}`

/** Figures of one arrangement of the batches. */
export interface PackingSide {
  readonly name: SideName
  /** Median over rounds; padding does not count as tokens. */
  readonly tokensPerSecond: number
  /** Share of the positions that are padding. */
  readonly padding: number
  /** Its tokens a second over those of padded rows, round by round. */
  readonly speed: RoundRatios
}

/** Figures of one training. */
export interface PackingTraining extends Quietness {
  readonly kind: Kind
  readonly sides: ReadonlyArray<PackingSide>
  /** Largest relative difference of a loss in the first round between packed and padded rows, which have the same batches. */
  readonly lossDifference: number
}

/** The report that `--json` prints. */
export interface PackingReport extends Header {
  readonly examples: number
  readonly dropped: number
  readonly meanTokens: number
  readonly precision: Precision
  readonly trainings: ReadonlyArray<PackingTraining>
}

type Values = ValuesOf<typeof options>

interface Turn {
  readonly seconds: number
  readonly tokens: number
  readonly positions: number
}

const sum = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0)

/** The figures of each side from its turns, in the order of the rounds. */
const figuresOf = (names: ReadonlyArray<SideName>, rounds: ReadonlyArray<ReadonlyArray<Turn>>) => {
  const turnsOf = (i: number) => rounds.map((round) => round[i]!)
  const perToken = (i: number) => turnsOf(i).map(({ seconds, tokens }) => seconds / tokens)
  return names.map((name, i): PackingSide => {
    const turns = turnsOf(i)
    return {
      name,
      tokensPerSecond: 1 / median(perToken(i)),
      padding: 1 - sum(turns.map(({ tokens }) => tokens)) / sum(turns.map(({ positions }) => positions)),
      speed: speedRatio(perToken(i), perToken(0)),
    }
  })
}

const runTraining = async (
  kind: Kind,
  encoded: EncodedTask,
  values: Values,
  say: (line: string) => void,
): Promise<PackingTraining> => {
  const { batch, draft, target, vocabulary, precision, steps, rounds, patience, priority } = values
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-packing-"))
  try {
    const bySide = await sidesOf({
      ...{ kind, text: encoded, batchSize: batch, vocabulary, draft, target, precision, folder },
    })
    const sides = [...bySide].map(([name, side]) => ({ name, ...side, worker: { pid: process.pid } }))
    // A turn of the untimed round is never taken again, so that each side has done these steps once.
    const losses = new Map<SideName, ReadonlyArray<number>>()
    const { answers, ...quiet } = await runRounds(
      { sides, warmUp: 1, count: rounds, patience, priority, say },
      ({ name, step }, round) => {
        const began = performance.now()
        const done = Array.from({ length: steps }, (_, i) => step(round * steps + i))
        const seconds = (performance.now() - began) / 1000
        if (round === 0)
          losses.set(
            name,
            done.map(({ loss }) => loss),
          )
        const tokens = sum(done.map((one) => one.tokens))
        const answer: Turn = { seconds, tokens, positions: sum(done.map((one) => one.positions)) }
        return Promise.resolve({ answer, text: `${name} ${(tokens / seconds).toFixed(0)} tokens/s` })
      },
    )
    const [padded, packed] = [losses.get("padded")!, losses.get("packed")!]
    const lossDifference = Math.max(...padded.map((loss, t) => Math.abs(packed[t]! / loss - 1)))
    const names = sides.map(({ name }) => name)
    return { kind, sides: figuresOf(names, answers), lossDifference, ...quiet }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The table of one training. */
export const packingLines = ({ kind, sides, lossDifference, ...quiet }: PackingTraining): ReadonlyArray<string> => [
  "",
  `${kind.padEnd(18)} tokens/s  padding  times padded`,
  ...sides.map(
    ({ name, tokensPerSecond, padding, speed }) =>
      `${name.padEnd(18)} ${tokensPerSecond.toFixed(0).padStart(8)} ${(100 * padding).toFixed(1).padStart(6)} %  ${shownRatio(speed)}`,
  ),
  `largest difference of a step's loss, packed and padded: ${lossDifference.toExponential(1)}`,
  ...quietLine(quiet),
]

/**
 * Runs the measurement; tables on stdout, or JSON.
 *
 * @error UsageError for impossible arguments, or a data folder without GSM8K
 */
export const benchPacking = async (args: ReadonlyArray<string>): Promise<void> => {
  const { values } = readOptions("packing", args, options)
  if (values.help) return console.log(packingUsage)
  const folder = values.data ?? process.env["WINNOW_DATA"]
  if (folder === undefined || folder === "") throw new UsageError("no data folder: give --data DIR, or set WINNOW_DATA")
  fileIn(folder, "gsm8k/train.jsonl")
  const { precision, vocabulary, maxLength, threads } = values
  const { progress, finish } = begin("packing", args, values)
  await openEngine({ threads })
  setPrecision(precision)
  const problems = await gsm8kExamples(folder, values.problems)
  const tokenizer = trainBpe(
    problems.map(({ prompt, answer }) => prompt + answer),
    { vocabularySize: vocabulary },
  )
  const encoded = await Effect.runPromise(encodeTask(problems, tokenizer, { maxLength }))
  const trainings: Array<PackingTraining> = []
  for (const kind of values.kinds) trainings.push(await runTraining(kind, encoded, values, progress))
  const { examples, dropped, tokens } = encoded
  const result = { examples: examples.length, dropped, meanTokens: tokens / examples.length, precision, trainings }
  finish(result satisfies Omit<PackingReport, keyof Header>, trainings.flatMap(packingLines))
}
