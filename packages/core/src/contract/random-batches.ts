/**
 * Small random inputs of filters and losses, from a seed, for laws and trials of plugins.
 *
 * Letters: N valid tokens of a micro-batch, R rows of a chunk, V vocabulary.
 */
import { type Rng, seeded } from "@winnow/numerics"
import { byExample, type ExampleContext, type ExampleStatistics, type ScoredByStates } from "../example-filter.ts"
import type { FilterContext } from "../selection.ts"
import { type Statistic, type Statistics, statisticNames, statistics } from "../statistics/index.ts"

/** All possible fields of a filter's input: all statistics, and the context. */
export type FilterInput = Statistics & FilterContext

const fill = (N: number, draw: () => number) => Float32Array.from({ length: N }, draw)

/** The vocabulary of random gold tokens and ranks. */
const vocabulary = 50

/** Draws from a statistic's range, if it is finite; else numbers in the usual range of losses, 0.1 to 3.1. */
const drawsOf = (name: Statistic, rng: Rng): (() => number) => {
  const { from, to, whole } = statistics[name].range
  if (to === "V - 1") return () => rng.below(vocabulary)
  if (to === "log V" || !Number.isFinite(to - from)) return () => 0.1 + 3 * rng.uniform()
  if (whole) return () => from + rng.below(to - from + 1)
  return () => from + (to - from) * rng.uniform()
}

/**
 * A random micro-batch of N valid tokens in sequences of up to 16.
 *
 * Losses are positive and almost surely distinct; a fifth of the excess losses is negative.
 * @param seed fixes the numbers and the filter's generator
 */
export const randomFilterInput = (N: number, seed: number, step = 0): FilterInput => {
  const rng = seeded(seed, "filter input", N, step)
  // Each statistic has a separate stream, so that a new statistic does not change the numbers of others.
  const random = Object.fromEntries(
    statisticNames.map((name) => [name, fill(N, drawsOf(name, seeded(seed, "filter input", name, N, step)))]),
  ) as unknown as Statistics
  const gold_N = Int32Array.from({ length: N }, () => rng.below(vocabulary))
  return {
    ...random,
    N,
    gold_N,
    sequence_N: Int32Array.from({ length: N }, (_, i) => Math.floor(i / 16)),
    position_N: Int32Array.from({ length: N }, (_, i) => i % 16),
    // the last sequence may be shorter than 16 tokens
    textOf: (sequence) => gold_N.slice(sequence * 16, sequence * 16 + 16),
    step,
    steps: 100,
    rng: seeded(seed, "filter draws", N, step),
  }
}

/** All statistics by example, scores of states, and the context, from a seed. */
export const randomExamplesInput = (E: number, seed: number): ExampleStatistics & ScoredByStates & ExampleContext => {
  const tokens = randomFilterInput(E, seed)
  const rng = seeded(seed, "examples input", E)
  const statistics = Object.fromEntries(statisticNames.map((name) => [byExample(name), tokens[name]]))
  return {
    ...(statistics as ExampleStatistics),
    score_E: fill(E, seeded(seed, "examples scores", E).normal),
    E,
    tokens_E: Int32Array.from({ length: E }, () => 1 + rng.below(30)),
    rng: seeded(seed, "examples", E),
  }
}

/** Rows of logits [R * V], normal with standard deviation `scale`. */
export const randomLogits = (R: number, V: number, scale: number, rng: Rng): Float32Array =>
  fill(R * V, () => scale * rng.normal())

/** Logits that are all near +50 or -50: probabilities either of order 1 or far below the smallest float32. */
export const extremeLogits = (R: number, V: number, rng: Rng): Float32Array =>
  fill(R * V, () => (rng.uniform() < 0.5 ? 50 : -50) + rng.normal())

/** Normal logits of which about a third are -10000: entries of probability exactly 0, never a whole row. */
export const logitsWithZeros = (R: number, V: number, rng: Rng): Float32Array => {
  const logits_RV = randomLogits(R, V, 2, rng)
  for (let r = 0; r < R; r++) {
    const spared = rng.below(V)
    for (let v = 0; v < V; v++) if (v !== spared && rng.uniform() < 1 / 3) logits_RV[r * V + v] = -1e4
  }
  return logits_RV
}
