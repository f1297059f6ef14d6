/** Calls a score as its stage calls it, on a small random problem. N scored tokens, d hidden size. */
import { seeded } from "@winnow/numerics"
import type { ScoreContext, ScoreFigures, ScoreInstance } from "../score.ts"
import { PluginFault } from "./fault.ts"

const [N, d, labels] = [24, 6, 5]

/** Random hidden states of a few labels, their losses and entropies; the same for the same seed. */
export const randomScoreInput = (seed: number): ScoreFigures & ScoreContext => {
  const rng = seeded(seed, "score input")
  const floats = (length: number, draw: () => number) => Float32Array.from({ length }, draw)
  return {
    N,
    d,
    h_Nd: floats(N * d, () => rng.normal()),
    loss_N: floats(N, () => 4 * rng.uniform()),
    entropy_N: floats(N, () => Math.log(labels) * rng.uniform()),
    gold_N: Int32Array.from({ length: N }, () => rng.below(labels)),
    sequence_N: Int32Array.from({ length: N }, (_, n) => Math.floor(n / 8)),
    rng: seeded(seed, "score"),
  }
}

/**
 * Tries a score.
 *
 * @error PluginFault (thrown) if it returns no finite number, throws, writes to its input, or uses a random source of
 * its own
 */
export const tryScore = (score: ScoreInstance): void => {
  const plugin = `score ${score.name}`
  const [input, before, again] = [randomScoreInput(1), randomScoreInput(1), randomScoreInput(1)]
  const first = score.of(input)
  for (const key of ["h_Nd", "loss_N", "entropy_N", "gold_N", "sequence_N"] as const)
    if (!Buffer.from(input[key].buffer).equals(Buffer.from(before[key].buffer)))
      throw new PluginFault(plugin, "input untouched", `wrote to ${key}, which belongs to the stage; work on a copy`)
  const second = score.of(again)
  if (!Object.is(first, second))
    throw new PluginFault(plugin, "seeded", `returned ${first}, then ${second} of the same input; draw from input.rng`)
}
