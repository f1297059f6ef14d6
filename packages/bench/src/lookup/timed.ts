/** The clock of `bench lookup`: a target of a given size writes the answers of data sets, alone and with look-up. */
import type { Decoder, Proposer } from "@winnow/core"
import { type Speculated, speculateOne } from "@winnow/decoding"
import type { Rollout } from "@winnow/generation"
import { type Cell, estimateOf, ratioInfluence } from "@winnow/numerics"
import { coresOf, watchOthers } from "../side-by-side/others.ts"
import { inTurn } from "../side-by-side/rounds.ts"
import { writerOf } from "./writer.ts"

const sum = (runs: ReadonlyArray<Speculated>, of: (run: Speculated) => number): number =>
  runs.reduce((total, run) => total + of(run), 0)
const seconds = ({ timing }: Speculated): number => timing.total

/** Wall time of one data set's answers at one draft length. */
export interface LookupTime {
  readonly dataset: string
  readonly texts: number
  readonly rounds: number
  readonly gamma: number
  /** Seconds alone over seconds with look-up, the reading of the prompts included, with its 95 % interval for other texts. */
  readonly speedup: number
  readonly low: number
  readonly high: number
  /** The same from the means of calls: without prompts, loop, and each text's first block. */
  readonly afterPrompt: number
  readonly tau: number
  /** Mean milliseconds of the target's call on one token, of its call on a block, and of one look-up. */
  readonly milliseconds: { readonly token: number; readonly block: number; readonly lookUp: number }
  /** Tokens of the texts a second, the reading of the prompts included. */
  readonly tokensPerSecond: { readonly alone: number; readonly withLookUp: number }
  /** Cores that other programs kept busy meanwhile, in the mean; null where the system does not tell. */
  readonly othersCores: number | null
}

/** Both ways of one text in each round, one right after the other; which goes first alternates. */
const turns = async (
  text: Rollout,
  model: Decoder,
  proposer: Proposer,
  { gamma, rounds, eosId, place }: Times & { readonly place: number },
): Promise<{ readonly alone: ReadonlyArray<Speculated>; readonly withLookUp: ReadonlyArray<Speculated> }> => {
  const target = writerOf(model, text)
  const maxNew = text.tokens.length + 1
  const ways = {
    alone: () => speculateOne(target, undefined, text.prompt, { draftLength: 0, maxNew, eosId }),
    withLookUp: () => speculateOne(target, proposer, text.prompt, { draftLength: gamma, maxNew, eosId }),
  }
  const runs: Record<keyof typeof ways, Array<Speculated>> = { alone: [], withLookUp: [] }
  for (let round = -1; round < rounds; round++)
    for (const way of inTurn(["alone", "withLookUp"] as const, round + 1 + place)) {
      const run = await ways[way]()
      if (run.rollout.tokens.some((token, t) => token !== text.tokens[t]))
        throw new Error(`text ${place} was not written as the data set has it`)
      // The first round sets up memory and kernels.
      if (round >= 0) runs[way].push(run)
    }
  return runs
}

interface Times {
  readonly gamma: number
  readonly rounds: number
  readonly eosId: number
}

/**
 * Times one data set at one draft length.
 *
 * @param model native decoding, a context that holds every text
 * @error Error where decoding is not native
 */
export const timeOf = async (
  { name, texts }: { readonly name: string; readonly texts: ReadonlyArray<Rollout> },
  model: Decoder,
  proposer: Proposer,
  times: Times,
): Promise<LookupTime> => {
  const others = watchOthers([process.pid])
  const alone: Array<Speculated> = []
  const withLookUp: Array<Speculated> = []
  const cells: Array<Cell> = []
  for (const [place, text] of texts.entries()) {
    const runs = await turns(text, model, proposer, { ...times, place })
    cells.push([sum(runs.alone, seconds), sum(runs.withLookUp, seconds)])
    alone.push(...runs.alone)
    withLookUp.push(...runs.withLookUp)
  }
  const { value, low, high } = estimateOf(ratioInfluence([cells]))
  const tau = sum(withLookUp, ({ counts }) => counts.emitted) / sum(withLookUp, ({ counts }) => counts.blocks)
  const call = (runs: ReadonlyArray<Speculated>) =>
    sum(runs, ({ timing }) => timing.target) / sum(runs, ({ timing }) => timing.targetCalls)
  const [token, block] = [call(alone), call(withLookUp)]
  const lookUp = sum(withLookUp, ({ timing }) => timing.draft) / sum(withLookUp, ({ timing }) => timing.targetCalls)
  const speed = (runs: ReadonlyArray<Speculated>) => sum(runs, ({ counts }) => counts.emitted) / sum(runs, seconds)
  return {
    ...{ dataset: name, texts: texts.length, rounds: times.rounds, gamma: times.gamma, speedup: value, low, high },
    afterPrompt: (tau * token) / (block + lookUp),
    tau,
    milliseconds: { token: 1000 * token, block: 1000 * block, lookUp: 1000 * lookUp },
    tokensPerSecond: { alone: speed(alone), withLookUp: speed(withLookUp) },
    othersCores: coresOf([others()]),
  }
}
