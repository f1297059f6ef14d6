/** The samples of a row's figures, from a measurement's values by prompt, for each seed. */
import type { BlockCounts } from "@winnow/decoding"
import type { Figures } from "../stages/measure.ts"
import { type Cell, type Cells_P, medianOfRounds, perPrompt, pooled, type Sample } from "../statistics/sample.ts"

/** Measurements of one draft, by seed. */
export type FiguresBySeed = ReadonlyMap<number, Figures>

const accepted = ({ accepted, rejected }: BlockCounts): Cell => [accepted, accepted + rejected]
const emitted = ({ emitted, blocks }: BlockCounts): Cell => [emitted, blocks]

const mapped = <A, B>(values: ReadonlyMap<number, A>, of: (value: A, seed: number) => B): ReadonlyMap<number, B> =>
  new Map([...values].map(([seed, value]) => [seed, of(value, seed)]))

/** The measurement at the draft length of the table. */
export const lengthOf = (figures: Figures, gamma: number) => figures.lengths.find((l) => l.gamma === gamma)!

/** Every figure of a row that has an interval. */
export interface RowSamples {
  readonly greedyAcceptance: Sample
  readonly expectedAcceptance: Sample
  readonly tau: Sample
  readonly sampledTau: Sample
  readonly draftKl: Sample
  readonly perPrompt: { readonly greedyAcceptance: Sample; readonly tau: Sample }
  /** One entry for each place in a block. */
  readonly byPosition: ReadonlyArray<Sample>
  /** Undefined if no decoding was timed. */
  readonly speedup: Sample | undefined
}

/** The samples of a draft at a draft length. */
export const samplesOf = (figures: FiguresBySeed, gamma: number): RowSamples => {
  const of = (cells_P: (figures: Figures) => Cells_P) => mapped(figures, cells_P)
  const greedy = (cell: (counts: BlockCounts) => Cell) => of((f) => lengthOf(f, gamma).greedyCounts.map(cell))
  const timed = new Map([...figures].flatMap(([seed, { speedup }]) => (speedup ? [[seed, speedup.ratios]] : [])))
  return {
    greedyAcceptance: pooled(greedy(accepted)),
    expectedAcceptance: pooled(of((f) => f.overlap)),
    tau: pooled(greedy(emitted)),
    sampledTau: pooled(of((f) => lengthOf(f, gamma).sampledCounts.map(emitted))),
    draftKl: pooled(of((f) => f.kl)),
    perPrompt: { greedyAcceptance: perPrompt(greedy(accepted)), tau: perPrompt(greedy(emitted)) },
    // Texts of one token have no block with a test: their lists of places are shorter.
    byPosition: Array.from({ length: gamma }, (_, place) =>
      pooled(greedy(({ acceptedAt, testedAt }) => [acceptedAt[place] ?? 0, testedAt[place] ?? 0])),
    ),
    speedup: timed.size === 0 ? undefined : medianOfRounds(timed),
  }
}

/**
 * For each prompt of the target's greedy texts: "1" for a token that the filter keeps and "0" for one that it drops.
 */
export type KeptTexts = ReadonlyArray<string>

/** The share of tokens that a filter keeps of the target's texts. */
export const keptShare = (kept: ReadonlyMap<number, KeptTexts>): Sample =>
  pooled(mapped(kept, (texts) => texts.map((text): Cell => [text.split("1").length - 1, text.length])))

/** Agreement of a draft with the target at the tokens that a filter marked this way, on the seeds that have both. */
export const agreementAt = (
  figures: FiguresBySeed,
  kept: ReadonlyMap<number, KeptTexts>,
  mark: "1" | "0",
): Sample | undefined => {
  const both = new Map([...kept].filter(([seed]) => figures.has(seed)))
  if (both.size === 0) return undefined
  const cell = (agreement: string, text: string): Cell => {
    let [agreed, all] = [0, 0]
    for (let t = 0; t < text.length; t++) {
      if (text[t] !== mark) continue
      all++
      if (agreement[t] === "1") agreed++
    }
    return [agreed, all]
  }
  return pooled(
    mapped(both, (texts, seed) => figures.get(seed)!.agreement.map((agreement, p) => cell(agreement, texts[p]!))),
  )
}
