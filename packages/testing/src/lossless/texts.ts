/**
 * All texts that a target can write after a prompt, with their probabilities: the expectation for emitted texts.
 *
 * Letters: T generated tokens of a text.
 */
import { type Proposer, samplingOf } from "@winnow/core"
import {
  type BlockCounts,
  expectedCounts,
  type Judging,
  modelProposer,
  type SpeculativeOptions,
  SpeculativeSession,
} from "@winnow/decoding"
import type { TableModel } from "../table-model.ts"
import { everyOutcome, type Fault, type Outcome } from "./every-outcome.ts"

/** A target, a proposer, and the conditions of decoding. */
export interface Decoded {
  readonly target: TableModel
  /** A draft model, or a proposer of any other kind. */
  readonly draft: TableModel | Proposer
  readonly prompt: ReadonlyArray<number>
  readonly options: SpeculativeOptions & { readonly temperature: number }
  /** The text ends after a token for which this is true. */
  readonly stop?: (tokens: ReadonlyArray<number>) => boolean
}

/** One text of the target. */
export interface TargetText {
  readonly tokens: ReadonlyArray<number>
  readonly probability: number
  /** min(1, q / p) of each token; only for a draft model. */
  readonly chance_T: ReadonlyArray<number>
}

const isProposer = (draft: Decoded["draft"]): draft is Proposer => "begin" in draft

/** Decodes one text to its end. */
export const decodeText = ({ target, draft, prompt, options, stop }: Decoded, judging?: Judging) => {
  const proposer = isProposer(draft) ? draft : modelProposer(draft)
  const session = new SpeculativeSession(target, proposer, prompt, options, stop, judging)
  while (session.step());
  session.dispose()
  return session
}

/** Every text that the target alone can write under the same rules, from the tables, without a session. */
export const targetTexts = ({ target, draft, prompt, options, stop }: Decoded): ReadonlyArray<TargetText> => {
  const texts: Array<TargetText> = []
  const visit = (tokens: ReadonlyArray<number>, probability: number, chance_T: ReadonlyArray<number>): void => {
    const ended = tokens.length === options.maxNew || (tokens.length > 0 && tokens.at(-1) === options.eosId)
    if (ended || stop?.(tokens)) {
      texts.push({ tokens, probability, chance_T })
      return
    }
    const [text, sampling] = [[...prompt, ...tokens], samplingOf(options)]
    const q_V = isProposer(draft) ? undefined : draft.distributionAfter(text, sampling)
    for (const [v, p] of target.distributionAfter(text, sampling).entries())
      if (p > 0) visit([...tokens, v], probability * p, q_V ? [...chance_T, Math.min(1, q_V[v]! / p)] : chance_T)
  }
  visit([], 1, [])
  return texts
}

/** Every outcome of speculative decoding of one text. */
export const everyText = (
  decoded: Decoded,
  { verify, ...fault }: Fault & Pick<Judging, "verify"> = {},
): ReadonlyArray<Outcome<{ readonly tokens: Int32Array; readonly counts: BlockCounts }>> =>
  everyOutcome((chance) => {
    const { rollout, counts } = decodeText(decoded, { chance, ...(verify && { verify }) })
    return { tokens: rollout.tokens, counts }
  }, fault)

/** Largest |P(emitted) - P(target)| over all texts, including the mass of texts that the target cannot write. */
export const worstError = (
  outcomes: ReadonlyArray<Outcome<{ readonly tokens: Int32Array }>>,
  texts: ReadonlyArray<TargetText>,
): number => {
  const left = new Map<string, number>()
  for (const { value, weight } of outcomes) {
    const key = value.tokens.join()
    left.set(key, (left.get(key) ?? 0) + weight)
  }
  for (const { tokens, probability } of texts) left.set(tokens.join(), (left.get(tokens.join()) ?? 0) - probability)
  return Math.max(...left.values().map(Math.abs))
}

/** Expected counts over all texts of the target, each by its walk. */
export const meanCounts = (texts: ReadonlyArray<TargetText>, draftLength: number, limit: number) =>
  weighted(
    texts.map(({ chance_T, probability }) => ({
      value: expectedCounts(chance_T, { draftLength, limit }),
      weight: probability,
    })),
  )

/** The mean of counts: blocks, accepted, rejected, emitted, then tested and accepted by place. */
export const weighted = (outcomes: ReadonlyArray<Outcome<BlockCounts>>): ReadonlyArray<number> => {
  const mean: Array<number> = []
  for (const { value: c, weight } of outcomes)
    for (const [i, count] of [c.blocks, c.accepted, c.rejected, c.emitted, ...c.testedAt, ...c.acceptedAt].entries())
      mean[i] = (mean[i] ?? 0) + weight * count
  return mean
}
