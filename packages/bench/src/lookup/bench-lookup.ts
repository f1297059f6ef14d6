/**
 * `bun run bench lookup` measures how much of data sets' answers prompt look-up would propose, as if a target wrote
 * them.
 *
 * An answer stands for the greedy text of a target, for which acceptance and tau are exact without a model. `--target`
 * also measures wall time, with a random target of that size that chooses the answer's tokens.
 */

import type { Decoder } from "@winnow/core"
import { loadTokenizer, type Tokenizer } from "@winnow/data"
import { estimateAcceptance, estimatedCounts, type ReplayEvidence, replayPass } from "@winnow/decoding"
import { atOnce } from "@winnow/files"
import type { Rollout } from "@winnow/generation"
import { parameterCount } from "@winnow/models"
import { type Cell, estimateOf, ratioInfluence } from "@winnow/numerics"
import { ngram } from "@winnow/proposer-ngram"
import { openEngine, setPrecision } from "@winnow/tensor"
import { Effect } from "effect"
import { modelOf } from "../decode/pair.ts"
import {
  choice,
  count,
  counts,
  optional,
  optionLines,
  readOptions,
  text,
  UsageError,
  type ValuesOf,
} from "../options.ts"
import { checkSizes, precisions, type Sizes, sizes, spokenOptions } from "../side-by-side/common-options.ts"
import { begin, type Header } from "../side-by-side/header.ts"
import { type Answered, dataSets, fileIn, readAnswered, tokenizerFile } from "./data.ts"
import { type LookupTime, timeOf } from "./timed.ts"

/** Draft lengths of the replay. */
const gammas = [1, 2, 4, 8] as const

const options = {
  data: optional(
    text(
      "DIR",
      "",
      `the folder of data sets, WINNOW_DATA if left out: ${dataSets.map(({ file }) => file).join(", ")}, ${tokenizerFile}`,
    ),
  ),
  limit: count("N", 250, "only the first N texts of each data set"),
  longest: count("N", 3, "length of the text's end that is searched first, in tokens"),
  shortest: count("N", 1, "length that is searched last"),
  target: optional(sizes("", "of a target that is timed while it writes the answers; left out: no model runs")),
  timed: count("N", 30, "texts of each data set that the target writes"),
  gammas: counts("G,G", "1,2,4", "timed draft lengths"),
  rounds: count("R", 3, "timed rounds that write each text both ways, after 1 untimed"),
  precision: choice("P", precisions, "bfloat16", "operands of the target's products"),
  threads: count("N", 2, "threads of the target"),
  ...spokenOptions,
} as const

export const lookupUsage = `bun run bench lookup [options]

${optionLines(options)}`

/** Figures of one data set at one draft length. */
export interface LookupLength {
  readonly gamma: number
  /** accepted / (accepted + rejected), over proposed tokens. */
  readonly acceptance: number
  /** tau, with its 95 % interval for other texts. */
  readonly tau: number
  readonly low: number
  readonly high: number
}

export interface LookupFigures {
  readonly dataset: string
  readonly texts: number
  readonly promptTokens: number
  readonly tokens: number
  /** Share of tokens for which look-up proposes something, and share for which its first token is right. */
  readonly proposed: number
  readonly right: number
  /** Microseconds of one look-up with room for 8 tokens. */
  readonly microseconds: number
  readonly lengths: ReadonlyArray<LookupLength>
}

export interface LookupReport extends Header {
  readonly options: { readonly longest: number; readonly shortest: number }
  readonly sets: ReadonlyArray<LookupFigures>
  /** With a target: its size and its times. */
  readonly timed?: {
    readonly target: {
      readonly sizes: Sizes
      readonly vocabulary: number
      readonly parameters: number
      readonly precision: string
    }
    readonly times: ReadonlyArray<LookupTime>
  }
}

/** Answers as texts of a target that closes each with its end token. */
const rolloutsOf = async (texts: ReadonlyArray<Answered>, tokenizer: Tokenizer): Promise<ReadonlyArray<Rollout>> => {
  const encode = (all: ReadonlyArray<string>) => Effect.runPromise(tokenizer.encode(all))
  const prompts = await encode(texts.map(({ prompt }) => prompt))
  const answers = await encode(texts.map(({ answer }) => answer))
  return prompts.map((prompt, i) => {
    const tokens = Int32Array.from([...answers[i]!, tokenizer.eosId])
    return { prompt: Int32Array.from(prompt), tokens, finish: "eos", limit: tokens.length + 64 }
  })
}

const figuresOf = (dataset: string, evidence: ReplayEvidence, microseconds: number): LookupFigures => {
  const { rollouts, proposed, agreed } = evidence
  const sum = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0)
  const tokens = sum(rollouts.map((rollout) => rollout.tokens.length))
  const share = (of: ReadonlyArray<Int32Array>) => sum(of.map((n_T) => n_T.filter((n) => n > 0).length)) / tokens
  return {
    dataset,
    texts: rollouts.length,
    promptTokens: sum(rollouts.map(({ prompt }) => prompt.length)),
    tokens,
    proposed: share(proposed),
    right: share(agreed),
    microseconds,
    lengths: gammas.map((gamma) => {
      const cells = estimatedCounts(evidence, gamma).map(({ emitted, blocks }): Cell => [emitted, blocks])
      const { value, low, high } = estimateOf(ratioInfluence([cells]))
      const acceptance = estimateAcceptance(evidence, gamma, dataset).acceptance!.pooled
      return { gamma, acceptance, tau: value, low, high }
    }),
  }
}

/** The table. */
export const lookupLines = (sets: ReadonlyArray<LookupFigures>): ReadonlyArray<string> => {
  const rows = [
    ["data set", "texts", "tokens", "proposed %", "right %", ...gammas.map((g) => `tau ${g}`), "acc. 4 %", "us"],
    ...sets.map(({ dataset, texts, tokens, proposed, right, lengths, microseconds }) => [
      dataset,
      String(texts),
      String(tokens),
      (100 * proposed).toFixed(1),
      (100 * right).toFixed(1),
      ...lengths.map(({ tau }) => tau.toFixed(2)),
      (100 * lengths[2]!.acceptance).toFixed(1),
      microseconds.toFixed(1),
    ]),
  ]
  return columns(rows)
}

const columns = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column]!)).join("  "))
}

/** The table of times. */
export const timeLines = (times: ReadonlyArray<LookupTime>): ReadonlyArray<string> =>
  columns([
    ["data set", "gamma", "tau", "speed-up", "95 %", "after prompt", "token ms", "block ms"],
    ...times.map(({ dataset, gamma, tau, speedup, low, high, afterPrompt, milliseconds }) => [
      dataset,
      String(gamma),
      tau.toFixed(2),
      speedup.toFixed(2),
      `${low.toFixed(2)} to ${high.toFixed(2)}`,
      afterPrompt.toFixed(2),
      milliseconds.token.toFixed(2),
      milliseconds.block.toFixed(2),
    ]),
  ])

/** A target with random weights, in the requested precision. */
const openTarget = async (
  {
    target,
    precision,
    threads,
    gammas: lengths,
  }: Pick<ValuesOf<typeof options>, "precision" | "threads" | "gammas"> & { readonly target: Sizes },
  texts: ReadonlyArray<Rollout>,
  vocabulary: number,
): Promise<Decoder> => {
  await openEngine({ threads })
  setPrecision(precision)
  const longest = Math.max(...texts.map(({ prompt, tokens }) => prompt.length + tokens.length))
  return modelOf(target, vocabulary, longest + 2 * Math.max(...lengths), 1)
}

/**
 * Runs the measurement; a table on stdout, or JSON.
 *
 * @error UsageError for impossible arguments, or a data folder without a needed file
 */
export const benchLookup = async (args: ReadonlyArray<string>): Promise<void> => {
  const { values } = readOptions("lookup", args, options)
  if (values.help) return console.log(lookupUsage)
  const folder = values.data ?? process.env["WINNOW_DATA"]
  if (folder === undefined) throw new UsageError("no data folder: give --data DIR, or set WINNOW_DATA")
  const { limit, longest, shortest, target } = values
  if (shortest > longest)
    throw new UsageError(`--shortest ${shortest} is above --longest ${longest}: give at most ${longest}`)
  const { say, progress, finish } = begin("lookup", args, values)
  const proposer = await Effect.runPromise(ngram({ longest, shortest }).instance)
  const tokenizer = await Effect.runPromise(loadTokenizer(fileIn(folder, tokenizerFile), { eos: "<|endoftext|>" }))
  const vocabulary = tokenizer.vocabularySize
  if (target !== undefined) checkSizes("target", target, vocabulary)
  const sets: Array<LookupFigures> = []
  const textSets: Array<{ readonly name: string; readonly texts: ReadonlyArray<Rollout> }> = []
  for (const set of dataSets) {
    const rollouts = await rolloutsOf(readAnswered(folder, set, limit), tokenizer)
    const began = performance.now()
    const conditions = { vocabularySize: vocabulary, eosId: tokenizer.eosId, longest: gammas.at(-1)! }
    const evidence = atOnce(replayPass(proposer, rollouts, { sampling: { temperature: 0 }, ...conditions }))
    const positions = rollouts.reduce((n, { tokens }) => n + tokens.length, 0)
    sets.push(figuresOf(set.name, evidence, (1000 * (performance.now() - began)) / positions))
    textSets.push({ name: set.name, texts: rollouts.slice(0, values.timed) })
  }
  for (const line of ["", ...lookupLines(sets)]) say(line)
  const result = { options: { longest, shortest }, sets }
  if (target === undefined) return finish(result satisfies Omit<LookupReport, keyof Header>)
  const { gammas: lengths, rounds, precision } = values
  const texts = textSets.flatMap((set) => set.texts)
  const model = await openTarget({ ...values, target }, texts, vocabulary)
  const times: Array<LookupTime> = []
  try {
    for (const set of textSets)
      for (const gamma of lengths) {
        times.push(await timeOf(set, model, proposer, { gamma, rounds, eosId: tokenizer.eosId }))
        progress(timeLines(times.slice(-1))[1]!)
      }
  } finally {
    model.dispose()
  }
  const parameters = parameterCount(model.architecture)
  const timed = { target: { sizes: target, vocabulary, parameters, precision }, times }
  finish({ ...result, timed } satisfies Omit<LookupReport, keyof Header>, ["", ...timeLines(times)])
}
