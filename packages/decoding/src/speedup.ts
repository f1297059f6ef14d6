/** Speed-up in wall time: the target alone and with the proposer, alternating in one process on the same prompts. */
import type { Decoder, Proposer } from "@winnow/core"
import { median } from "@winnow/numerics"
import { blockEfficiencyOf } from "./counts.ts"
import { mbsu, secondsPerToken } from "./formulas.ts"
import { compareGreedy, type Identity } from "./identity.ts"
import { parameterRatio } from "./parameter-ratio.ts"
import { type Speculated, type SpeculateHooks, speculateOne } from "./speculate.ts"
import type { SpeculativeOptions } from "./speculative.ts"

export interface SpeedupOptions {
  /** Timed rounds; each decodes every prompt both ways, and the first way alternates. 3 by default. */
  readonly rounds?: number
  /**
   * Untimed rounds over all prompts before the timed ones, 1 by default. First calls set up kernels and memory, and
   * models record a decoding step once its shape has occurred several times, which needs more than one prompt.
   */
  readonly warmup?: number
}

export interface Speedup {
  /** gamma; the mean number of tokens proposed in a block if it was chosen during decoding. */
  readonly draftLength: number
  readonly temperature: number
  readonly prompts: number
  readonly rounds: number
  /** Median over rounds of `byRound`. */
  readonly speedup: number
  /** Each round's median over prompts of (seconds a token alone) / (seconds a token with the draft). */
  readonly byRound: ReadonlyArray<number>
  /** [round][prompt]: the single ratios, for intervals over prompts. */
  readonly ratios: ReadonlyArray<ReadonlyArray<number>>
  /** The ratio of the sums over all rounds. */
  readonly ofTotals: number
  readonly tokensPerSecond: { readonly alone: number; readonly withDraft: number }
  /** tau of these runs, pooled. */
  readonly blockEfficiency: number
  /** tau / (c gamma + 1), with c the ratio of parameters. */
  readonly mbsu: number
  readonly parameterRatio: number
  /** Mean seconds of a call, without each prompt's first call, which reads the prompt. */
  readonly seconds: {
    /** The target's call on one token. */
    readonly target: number
    /** The target's call on a block, gamma + 1 tokens at most. */
    readonly verify: number
    /** One proposed token: a call of a draft model, or its share of a look-up; 0 if nothing was proposed. */
    readonly draft: number
  }
  /** Mean tokens proposed in a call, without each prompt's first call: gamma or less. */
  readonly proposedPerCall: number
  /**
   * T_target / T, T = (n T_draft + T_target) / tau with n proposed tokens a call: verification as cheap as one token.
   */
  readonly predicted: number
  /** The same with the measured time of verification: the rest of the gap to `speedup` is the prompt and the loop. */
  readonly predictedFromVerify: number
  /** Greedy: for how many prompts both ways gave the same text in every round. Null when sampled. */
  readonly identity: Identity | null
}

/** All texts ended within their first block, which reads the prompt, so no call can be timed. */
export class NothingToTime extends Error {
  override readonly name = "NothingToTime"
}

const total = (runs: ReadonlyArray<Speculated>, of: (run: Speculated) => number): number =>
  runs.reduce((sum, run) => sum + of(run), 0)

const perToken = ({ timing, rollout }: Speculated): number => timing.total / rollout.tokens.length

/** Differences in all rounds; a prompt that differs in several rounds counts once. */
const identityOf = (alone: ReadonlyArray<Speculated>, withDraft: ReadonlyArray<Speculated>, P: number): Identity => {
  const { differences, smallestMargin } = compareGreedy(
    alone.map(({ rollout }) => rollout),
    withDraft,
  )
  const first = new Map<number, Identity["differences"][number]>()
  for (const difference of differences) {
    const prompt = difference.prompt % P
    if (!first.has(prompt)) first.set(prompt, { ...difference, prompt })
  }
  return { prompts: P, identical: P - first.size, differences: [...first.values()], smallestMargin }
}

/** Summarises paired runs, round after round: alone[i] and withDraft[i] decoded prompt i % P in succession. */
const summarise = (
  alone: ReadonlyArray<Speculated>,
  withDraft: ReadonlyArray<Speculated>,
  { draftLength: lengthOption, temperature = 0 }: SpeculativeOptions,
  c: number,
  P: number,
) => {
  const tau = blockEfficiencyOf(withDraft.map((run) => run.counts))!.pooled
  const target = total(alone, (r) => r.timing.target) / total(alone, (r) => r.timing.targetCalls)
  const draftLength =
    typeof lengthOption === "number"
      ? lengthOption
      : total(withDraft, (r) => r.counts.proposed) / total(withDraft, (r) => r.counts.blocks)
  const calls = total(withDraft, (r) => r.timing.targetCalls)
  const verify = total(withDraft, (r) => r.timing.target) / calls
  const proposing = total(withDraft, (r) => r.timing.draft)
  const proposed = total(withDraft, (r) => r.timing.proposed)
  const speed = (runs: ReadonlyArray<Speculated>) =>
    total(runs, (r) => r.rollout.tokens.length) / total(runs, (r) => r.timing.total)
  const ratios = alone.map((run, i) => perToken(run) / perToken(withDraft[i]!))
  const rounds = Array.from({ length: ratios.length / P }, (_, round) => ratios.slice(round * P, (round + 1) * P))
  const byRound = rounds.map(median)
  const tokensPerSecond = { alone: speed(alone), withDraft: speed(withDraft) }
  return {
    draftLength,
    temperature,
    speedup: median(byRound),
    byRound,
    ratios: rounds,
    ofTotals: tokensPerSecond.withDraft / tokensPerSecond.alone,
    tokensPerSecond,
    blockEfficiency: tau,
    mbsu: mbsu(tau, draftLength, c),
    parameterRatio: c,
    seconds: { target, verify, draft: proposed === 0 ? 0 : proposing / proposed },
    proposedPerCall: proposed / calls,
    // A proposal counts its whole seconds: a fruitless search takes time as well.
    predicted: target / secondsPerToken(tau, 1, target, proposing / calls),
    predictedFromVerify: target / secondsPerToken(tau, 1, verify, proposing / calls),
    identity: temperature === 0 ? identityOf(alone, withDraft, P) : null,
  }
}

/**
 * Measures the speed-up at one draft length.
 *
 * The target alone is the same loop at draft length 0, so that both sides pay the same overhead for each call. Ratios
 * compare seconds for each token, since sampled texts differ in length.
 *
 * @returns the summary, and every run for further statistics
 * @error NothingToTime without prompts, or if all texts ended within the first block
 */
export const measureSpeedup = async (
  target: Decoder,
  proposer: Proposer,
  prompts: ReadonlyArray<ArrayLike<number>>,
  options: SpeculativeOptions,
  { rounds = 3, warmup = 1 }: SpeedupOptions = {},
  { onProgress, ...hooks }: SpeculateHooks = {},
): Promise<
  Speedup & {
    readonly runs: { readonly alone: ReadonlyArray<Speculated>; readonly withDraft: ReadonlyArray<Speculated> }
  }
> => {
  const run = (prompt: number, withDraft: boolean) =>
    speculateOne(
      target,
      withDraft ? proposer : undefined,
      prompts[prompt]!,
      {
        ...options,
        draftLength: withDraft ? options.draftLength : 0,
        index: (options.index ?? 0) + prompt,
      },
      hooks,
    )
  for (let round = 0; round < warmup; round++)
    for (const i of prompts.keys()) {
      await run(i, false)
      await run(i, true)
    }
  const alone: Array<Speculated> = []
  const withDraft: Array<Speculated> = []
  let tokens = 0
  for (let round = 0; round < rounds; round++)
    for (const i of prompts.keys()) {
      const draftFirst = (round + i) % 2 === 1
      if (draftFirst) withDraft.push(await run(i, true))
      alone.push(await run(i, false))
      if (!draftFirst) withDraft.push(await run(i, true))
      tokens += withDraft.at(-1)!.rollout.tokens.length
      onProgress?.({ prompts: rounds * prompts.length, finished: alone.length, tokens })
    }
  if (total(withDraft, (r) => r.timing.targetCalls) === 0 || total(alone, (r) => r.timing.targetCalls) === 0)
    throw new NothingToTime(
      `${prompts.length} prompts gave no second block to time: give prompts with longer answers, or a larger maxNew`,
    )
  const summary = summarise(alone, withDraft, options, parameterRatio(target, proposer), prompts.length)
  return { ...summary, prompts: prompts.length, rounds, runs: { alone, withDraft } }
}
