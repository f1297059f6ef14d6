/** Measures, on this machine, the cost of a draft's tokens and of their check, and computes what a draft must give for it. */
import type { Decoder } from "@winnow/core"
import { expectedBlockEfficiency } from "@winnow/decoding"
import { choicesAfter, GenerateSession } from "@winnow/generation"
import { parameterCount } from "@winnow/models"
import { median, seeded } from "@winnow/numerics"
import { type DraftSize, randomOf } from "./sizes.ts"

/** Draft lengths that a table and a page choose among. */
export const gammas = [1, 2, 4, 8] as const
/** The draft length of the draft's figures. */
export const usualGamma = 4
/** Acceptances of the table's columns. */
export const acceptances = [0.5, 0.7, 0.9] as const
/** Tokens that are read before calls are timed: a usual prompt. */
const READ = 32
/** Calls of a median, and the seconds after which fewer have to do. */
const [CALLS, LONG] = [9, 1]

/** The target's own costs. */
export interface TargetCosts {
  /** Seconds of a call on one token. */
  readonly seconds: number
  /** Seconds of a call on gamma + 1 tokens over those of a call on one, by gamma. */
  readonly checking: Readonly<Record<number, number>>
  /** Tokens a second of several texts at once, each as long as those that are timed. */
  readonly writing: number
}

/** A size with its cost. */
export interface SizeCosts {
  readonly name: string
  readonly parameters: number
  /** Seconds of a token that it proposes over those of a call of the target. */
  readonly cost: number
  /** Tokens a target call at which it is as fast as the target alone, at `usualGamma`. */
  readonly breakEven: number
  /** Times as fast as the target alone at each of `acceptances`, each at its best draft length. */
  readonly speedups: ReadonlyArray<number>
}

const someIds = (model: Decoder, length: number): Int32Array => {
  const rng = seeded(0, "costs")
  return Int32Array.from({ length }, () => rng.below(model.architecture.vocabularySize))
}

/** Median seconds of a call on so many tokens, after a prompt that is read. */
const secondsOfCall = (model: Decoder, tokens: number): number => {
  const room = model.architecture.maxLength - tokens
  const prompt = someIds(model, Math.max(1, Math.min(READ, room)))
  const ids = someIds(model, tokens)
  const state = model.decoding()
  try {
    const call = (of: Int32Array, rows: number) => choicesAfter(model, state, of, 1, rows, false).argmax
    call(prompt, 1)
    const times: Array<number> = []
    const until = performance.now() + 1000 * LONG
    // The first call of a shape prepares it.
    for (let i = 0; i <= CALLS && (i < 3 || performance.now() < until); i++) {
      const began = performance.now()
      call(ids, tokens)
      if (i > 0) times.push((performance.now() - began) / 1000)
      state.rollback(prompt.length)
    }
    return median(times)
  } finally {
    state.dispose()
  }
}

/** Tokens a second of 16 texts at once. */
const writingRate = (target: Decoder): number => {
  const room = target.architecture.maxLength - 1
  const prompts = Array.from({ length: 16 }, () => someIds(target, Math.max(1, Math.min(READ, room - 8))))
  const session = new GenerateSession(target, prompts, { maxNew: 8, batchSize: 16, temperature: 1 })
  try {
    session.step()
    const first = session.stats
    while (session.step() && session.stats.seconds - first.seconds < 2 * LONG);
    const { tokens, seconds } = session.stats
    return (tokens - first.tokens) / (seconds - first.seconds)
  } finally {
    session.dispose()
  }
}

/** Measures a target. */
export const targetCosts = (target: Decoder): TargetCosts => {
  const seconds = secondsOfCall(target, 1)
  const checking = Object.fromEntries(gammas.map((gamma) => [gamma, secondsOfCall(target, gamma + 1) / seconds]))
  return { seconds, checking, writing: writingRate(target) }
}

/**
 * Times as fast as the target alone.
 *
 * @param acceptance chance that a proposed token is accepted, the same at each place
 * @param cost of a proposed token in calls of the target
 */
export const speedupAt = (acceptance: number, cost: number, { checking }: Pick<TargetCosts, "checking">): number =>
  Math.max(...gammas.map((gamma) => expectedBlockEfficiency(acceptance, gamma) / (gamma * cost + checking[gamma]!)))

/** The figures of a size whose cost is known. */
export const sizeCosts = (name: string, parameters: number, cost: number, target: TargetCosts): SizeCosts => ({
  ...{ name, parameters, cost },
  breakEven: usualGamma * cost + target.checking[usualGamma]!,
  speedups: acceptances.map((acceptance) => speedupAt(acceptance, cost, target)),
})

/** Measures a size beside its target, by a model of random weights. */
export const measureSize = (size: DraftSize, target: TargetCosts): SizeCosts => {
  const model = randomOf(size)
  try {
    return sizeCosts(size.name, parameterCount(size.architecture), secondsOfCall(model, 1) / target.seconds, target)
  } finally {
    model.dispose()
  }
}

/** Share of the best expected speed-up that the recommended size must reach. */
const NEAR = 0.9
/** The acceptance that a size is recommended by: the middle one of the table. */
const usual = acceptances.indexOf(0.7)

/**
 * The recommended size: of all whose speed-up at equal acceptance is near the best, the one with most parameters, as a
 * larger draft is accepted more often.
 *
 * @source own
 */
export const recommended = (sizes: ReadonlyArray<SizeCosts>): SizeCosts => {
  const best = Math.max(...sizes.map(({ speedups }) => speedups[usual]!))
  const near = sizes.filter(({ speedups }) => speedups[usual]! >= NEAR * best)
  return near.reduce((a, b) => (b.parameters > a.parameters ? b : a))
}
