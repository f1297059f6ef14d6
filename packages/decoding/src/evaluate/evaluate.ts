/**
 * How well a target accepts a proposer on given prompts, by every measure and at several draft lengths, with what a reader
 * needs to trust it.
 */
import { checkedOptions, type Decoder, type Proposer, samplingOf } from "@winnow/core"
import { driven, type Finish, generate, type Pieces, type Rollout, type Stop } from "@winnow/generation"
import { type Evidence, requireSameVocabulary } from "../evidence.ts"
import { evidenceOnGreedy, evidenceOnSamples } from "../evidence-of.ts"
import { parameterRatio } from "../parameter-ratio.ts"
import { type EvaluatedLength, evaluateLength, type Grounds } from "./evaluate-length.ts"
import { type EvaluateOptions, type EvaluateSettings, evaluateOptions } from "./options.ts"
import { type OverPrompts, overPrompts } from "./over-prompts.ts"

/** How far an evaluation is. */
export interface EvaluateProgress {
  /** The work that goes on. */
  readonly phase: string
  /** Number of the phase, from 1, of `of`. */
  readonly index: number
  readonly of: number
  readonly done: number
  readonly total: number
}

export interface EvaluateHooks {
  readonly stop?: Stop
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: EvaluateProgress) => void
}

/** Counts of the texts that the target wrote alone. */
export interface WrittenAlone {
  readonly temperature: number
  readonly prompts: number
  readonly tokens: number
  /** How many texts ended how. */
  readonly finished: Readonly<Record<Finish, number>>
}

export interface Evaluation {
  /** c: parameters of the proposer / of the target. */
  readonly parameterRatio: number
  readonly greedyTexts: WrittenAlone
  /** At the temperature of the evaluation, or at 1 if it is greedy: what the next two are means over. */
  readonly sampledTexts: WrittenAlone
  /** Mean over positions of sum_v min(p_v, q_v): 1 - TVD; null where only decoding tells. */
  readonly expectedAcceptance: OverPrompts | null
  /** Mean over the same positions of KL(p || q), nats, before top-k and top-p; null of a proposer that is no draft model. */
  readonly draftKl: OverPrompts | null
  /** One a draft length, in the order asked for. */
  readonly results: ReadonlyArray<EvaluatedLength>
}

const written = (rollouts: ReadonlyArray<Rollout>, temperature: number): WrittenAlone => {
  const ended = (how: Finish) => rollouts.filter(({ finish }) => finish === how).length
  return {
    temperature,
    prompts: rollouts.length,
    tokens: rollouts.reduce((sum, { tokens }) => sum + tokens.length, 0),
    finished: { eos: ended("eos"), stop: ended("stop"), length: ended("length") },
  }
}

/** Mean over positions, by prompt; `most` is what it can be. */
const meanOf = (values: Evidence["overlap"] | undefined, most: number): OverPrompts | null =>
  values
    ? overPrompts(
        values.map((x_T) => [x_T.reduce((a, b) => a + b, 0), x_T.length]),
        [0, most],
      )
    : null

/** One rule of several end tokens and the caller's own: decoding itself knows but one end token. */
const stopOf = ([, ...others]: ReadonlyArray<number>, stop: Stop | undefined): Stop | undefined => {
  if (others.length === 0) return stop
  const ends = new Set(others)
  return (tokens) => ends.has(tokens.at(-1)!) || stop?.(tokens) === true
}

/** The sampling of the target's samples: a greedy evaluation has none of its own, and takes the plain distribution. */
const targetSampling = (settings: EvaluateSettings) =>
  settings.temperature === 0 ? { temperature: 1 } : samplingOf(settings)

/**
 * Evaluates a proposer: the target writes greedy texts and samples alone; passes or replays over them give expected
 * acceptance, KL and estimates; then each draft length is decoded for real, held against the target's own text and the
 * estimate, and timed.
 *
 * @param prompts ids, each at least one and fewer than the target's context
 * @error InvalidInput for bad options; RangeError for a bad prompt or none; Error if the vocabularies differ; the signal's reason
 */
export const evaluateProposer = async (
  target: Decoder,
  proposer: Proposer,
  prompts: ReadonlyArray<ArrayLike<number>>,
  options: EvaluateOptions,
  { stop: given, signal, onProgress }: EvaluateHooks = {},
): Promise<Evaluation> => {
  requireSameVocabulary(target, proposer)
  const settings = checkedOptions("evaluate", evaluateOptions, options)
  if (prompts.length === 0) throw new RangeError("no prompts to evaluate on, expected at least 1: give some")
  const { draftLengths, eosIds, maxNew, seed, rounds } = settings
  const stop = stopOf(eosIds, given)
  const hooks = { ...(stop && { stop }), ...(signal && { signal }) }
  const of = 4 + draftLengths.length * (rounds === 0 ? 1 : 2)
  const report = (index: number, phase: string) => (done: number, total: number) =>
    onProgress?.({ phase, index, of, done, total })

  const alone = async (sampling: { readonly temperature: number }, say: ReturnType<typeof report>) => {
    say(0, prompts.length)
    const ends = eosIds[0] === undefined ? {} : { eosId: eosIds[0] }
    const hook = { ...hooks, onProgress: (s: { finished: number; prompts: number }) => say(s.finished, s.prompts) }
    return (await generate(target, prompts, { ...sampling, ...ends, maxNew, seed }, hook)).rollouts
  }
  const sampling = targetSampling(settings)
  const greedyTexts = await alone({ temperature: 0 }, report(1, "the target's greedy texts"))
  const samples = await alone(sampling, report(2, "the target's samples"))

  const pass = async <A>(index: number, phase: string, pieces: Pieces<A> | undefined): Promise<A | undefined> => {
    report(index, phase)(0, 1)
    const result = pieces && (await driven(pieces, signal))
    report(index, phase)(1, 1)
    return result
  }
  const conditions = { eosId: eosIds[0], longest: Math.max(...draftLengths) }
  const onGreedy = evidenceOnGreedy(target, proposer, greedyTexts, conditions)
  const greedy = await pass(3, "the proposer on the greedy texts", onGreedy)
  const onSamples = evidenceOnSamples(target, proposer, samples, sampling, conditions)
  const sampled = await pass(4, "both on the samples", onSamples)
  const grounds: Grounds = { greedyTexts, greedy, sampled, expectedAcceptance: meanOf(sampled?.overlap, 1) }

  const results: Array<EvaluatedLength> = []
  let index = 5
  for (const gamma of draftLengths) {
    const decoding = report(index++, `decoding, gamma ${gamma}`)
    const timing = rounds === 0 ? () => {} : report(index++, `against the clock, gamma ${gamma}`)
    const length = { ...hooks, decoding, timing }
    results.push(await evaluateLength(target, proposer, prompts, gamma, settings, grounds, length))
  }
  return {
    parameterRatio: parameterRatio(target, proposer),
    greedyTexts: written(greedyTexts, 0),
    sampledTexts: written(samples, sampling.temperature),
    expectedAcceptance: grounds.expectedAcceptance,
    draftKl: meanOf(sampled?.kl, Number.POSITIVE_INFINITY),
    results,
  }
}
