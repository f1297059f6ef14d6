/** Texts that a model writes while it is being trained, between two steps. */
import { type Decoder, InvalidInput } from "@winnow/core"
import type { Rng } from "@winnow/numerics"
import { type GenerateOptions, GenerateSession } from "./generate.ts"
import type { Rollout, Stop } from "./rollout.ts"

/** Options of `continuations`: those of `generate` but the seed, in whose place a generator is given. */
export type ContinuationOptions = Omit<GenerateOptions, "seed" | "firstIndex">

/** Seeds that one draw tells apart. */
const SEEDS = 2 ** 32

/**
 * Continues each prompt by the model as its weights are now, at once: for a `StepState` whose `before` draws text of the
 * draft. Nothing of it stays alive, and the next step may change the weights.
 *
 * @param rng takes one draw, however many tokens come of it. Of the seed of the stage and the number of the step, as in
 * `seeded(seed, "on-policy", step)`, it gives a stage that resumes the same texts.
 * @returns rollouts in the order of the prompts; the same weights and generator give the same bits
 * @error InvalidInput for bad options, no prompts and ids outside the vocabulary; RangeError for a prompt that is empty or fills
 * the model's context
 */
export const continuations = (
  model: Decoder,
  prompts: ReadonlyArray<ArrayLike<number>>,
  options: ContinuationOptions,
  rng: Rng,
  stop?: Stop,
): ReadonlyArray<Rollout> => {
  if (prompts.length === 0)
    throw new InvalidInput({ what: "continuations", problems: ["found no prompts; expected at least 1"] })
  const session = new GenerateSession(model, prompts, { ...options, seed: rng.below(SEEDS) }, stop)
  try {
    while (session.step());
    return session.rollouts
  } finally {
    session.dispose()
  }
}
