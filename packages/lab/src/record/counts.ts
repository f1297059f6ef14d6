/**
 * counts.json: the counts that all figures of a run were computed from, by draft, seed and prompt. docs/recheck.md
 * explains how to read it, and docs/recheck.py computes the run's figures from it.
 */
import type { MeasuredTexts } from "@winnow/core"
import type { Rollout } from "@winnow/generation"
import type { Figures } from "../stages/measure.ts"
import { type FiguresBySeed, type KeptTexts, lengthOf } from "./samples.ts"

/** The file's name beside run.json. */
export const countsFile = "counts.json"

/** One row of a measure that is a plugin, under one seed. */
export interface MeasuredCounts {
  readonly row: string
  readonly column: string
  readonly seed: number
  readonly texts: MeasuredTexts
}

/** A measured draft, over its seeds. */
export interface Counted {
  readonly name: string
  readonly figures: FiguresBySeed
  /** Divisions of the greedy texts by the draft's filter, by seed. */
  readonly kept: ReadonlyMap<number, KeptTexts>
}

/** Texts of "1" and "0", one a prompt, as one row of bits: the first is the highest of the first byte. Base64. */
export const packed = (texts: ReadonlyArray<string>): string => {
  const bits = texts.join("")
  const bytes = new Uint8Array(Math.ceil(bits.length / 8))
  for (let i = 0; i < bits.length; i++) if (bits[i] === "1") bytes[i >> 3]! |= 128 >> (i & 7)
  return Buffer.from(bytes).toString("base64")
}

/** The counts of one draft under one seed. */
const draftCounts = (name: string, seed: number, figures: Figures, kept: KeptTexts | undefined, gamma: number) => ({
  name,
  seed,
  agreement: packed(figures.agreement),
  ...(kept === undefined ? {} : { kept: packed(kept) }),
  ...(figures.replay && { proposed: figures.replay.proposed, agreed: figures.replay.agreed }),
  overlap: figures.overlap.map(([sum]) => sum),
  kl: figures.kl.map(([sum]) => sum),
  sampledBlocks: lengthOf(figures, gamma).sampledCounts.map(({ blocks }) => blocks),
  sampledSums: figures.lengths.map(({ gamma: g, sampledCounts }) => {
    const sum = (of: (counts: (typeof sampledCounts)[number]) => number) =>
      sampledCounts.reduce((total, counts) => total + of(counts), 0)
    return {
      gamma: g,
      accepted: sum(({ accepted }) => accepted),
      rejected: sum(({ rejected }) => rejected),
      blocks: sum(({ blocks }) => blocks),
    }
  }),
})

/**
 * The text of the file: a line a draft.
 *
 * @param greedy the target's greedy texts, in the order of the prompts
 * @param measures sums and counts of further measures; left out of the file where there are none
 */
export const countsText = (
  gamma: number,
  greedy: ReadonlyArray<Rollout>,
  drafts: ReadonlyArray<Counted>,
  measures: ReadonlyArray<MeasuredCounts> = [],
): string => {
  const all = drafts.flatMap(({ name, figures, kept }) =>
    [...figures].map(([seed, of]) => draftCounts(name, seed, of, kept.get(seed), gamma)),
  )
  const [first] = drafts.flatMap(({ figures }) => [...figures.values()])
  const [kept] = drafts.flatMap((draft) => [...draft.kept.values()])
  const greedyLengths = greedy.map(({ tokens }) => tokens.length)
  const sampledLengths = first === undefined ? [] : lengthOf(first, gamma).sampledCounts.map(({ emitted }) => emitted)
  // All drafts of a run have one context. Where it is shorter than a text, lengths are written a second time.
  const shorter = (name: string, lengths: ReadonlyArray<number>, of: ReadonlyArray<number>) =>
    lengths.some((n, i) => n !== of[i]) ? { [name]: lengths } : {}
  const sizes = (texts: ReadonlyArray<string> = []) => texts.map(({ length }) => length)
  const head = {
    schema: 1,
    gamma,
    greedyLengths,
    greedyLimits: greedy.map(({ limit }) => limit),
    sampledLengths,
    ...shorter("greedyReadable", sizes(first?.agreement), greedyLengths),
    ...shorter("sampledReadable", first?.overlap.map(([, positions]) => positions) ?? [], sampledLengths),
    ...shorter("keptLengths", sizes(kept), greedyLengths),
    ...(measures.length > 0 && { measures }),
  }
  const lines = all.map((draft) => JSON.stringify(draft)).join(",\n")
  return `${JSON.stringify(head).slice(0, -1)},"drafts":[\n${lines}\n]}\n`
}

/** The text of the file of a run without acceptance: sums and counts of its measures alone. */
export const measuresCountsText = (measures: ReadonlyArray<MeasuredCounts>): string =>
  `{"schema":1,"measures":[\n${measures.map((one) => JSON.stringify(one)).join(",\n")}\n]}\n`
