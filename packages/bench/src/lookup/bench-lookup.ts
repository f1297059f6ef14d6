/**
 * `bun run bench lookup`: how much of the answers of data sets prompt look-up would propose, were they a target's texts.
 *
 * No model runs: an answer stands for the greedy text of a target that writes it. Then acceptance and tau are exact.
 */

import { loadTokenizer, type Tokenizer } from "@winnow/data"
import { estimateAcceptance, estimatedCounts, type ReplayEvidence, replayPass } from "@winnow/decoding"
import { atOnce } from "@winnow/files"
import type { Rollout } from "@winnow/generation"
import { type Cell, estimateOf, ratioInfluence } from "@winnow/numerics"
import { ngram } from "@winnow/proposer-ngram"
import { Effect } from "effect"
import { count, optional, optionLines, readOptions, text, UsageError } from "../options.ts"
import { spokenOptions } from "../side-by-side/common-options.ts"
import { begin, type Header } from "../side-by-side/header.ts"
import { type Answered, dataSets, fileIn, readAnswered, tokenizerFile } from "./data.ts"

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
  longest: count("N", 3, "tokens of the end that are looked for first"),
  shortest: count("N", 1, "tokens that are looked for last"),
  ...spokenOptions,
} as const

export const lookupUsage = `bun run bench lookup [options]

${optionLines(options)}`

/** Figures of one data set at one draft length. */
export interface LookupLength {
  readonly gamma: number
  /** accepted / (accepted + rejected), of the tokens that were proposed. */
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
  /** The share of tokens before which something is proposed, and of which the first proposed token is right. */
  readonly proposed: number
  readonly right: number
  /** Microseconds of one look-up with room for 8 tokens. */
  readonly microseconds: number
  readonly lengths: ReadonlyArray<LookupLength>
}

export interface LookupReport extends Header {
  readonly options: { readonly longest: number; readonly shortest: number }
  readonly sets: ReadonlyArray<LookupFigures>
}

/** Answers as texts of a target that ends each with its end token. */
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
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column]!)).join("  "))
}

/**
 * Runs it; a table on stdout, or JSON.
 *
 * @error UsageError for arguments that cannot be, or a data folder that lacks a file
 */
export const benchLookup = async (args: ReadonlyArray<string>): Promise<void> => {
  const { values } = readOptions("lookup", args, options)
  if (values.help) return console.log(lookupUsage)
  const folder = values.data ?? process.env["WINNOW_DATA"]
  if (folder === undefined) throw new UsageError("no data folder: give --data DIR, or set WINNOW_DATA")
  const { limit, longest, shortest } = values
  if (shortest > longest)
    throw new UsageError(`--shortest ${shortest} is above --longest ${longest}: give at most ${longest}`)
  const { say, finish } = begin("lookup", args, values)
  const proposer = await Effect.runPromise(ngram({ longest, shortest }).instance)
  const tokenizer = await Effect.runPromise(loadTokenizer(fileIn(folder, tokenizerFile), { eos: "<|endoftext|>" }))
  const sets: Array<LookupFigures> = []
  for (const set of dataSets) {
    const rollouts = await rolloutsOf(readAnswered(folder, set, limit), tokenizer)
    const began = performance.now()
    const conditions = { vocabularySize: tokenizer.vocabularySize, eosId: tokenizer.eosId, longest: gammas.at(-1)! }
    const evidence = atOnce(replayPass(proposer, rollouts, { sampling: { temperature: 0 }, ...conditions }))
    const positions = rollouts.reduce((n, { tokens }) => n + tokens.length, 0)
    sets.push(figuresOf(set.name, evidence, (1000 * (performance.now() - began)) / positions))
  }
  for (const line of ["", ...lookupLines(sets)]) say(line)
  finish({ options: { longest, shortest }, sets } satisfies Omit<LookupReport, keyof Header>)
}
