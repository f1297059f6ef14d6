/** Texts that a model writes during its training, between two steps. */
import { type Decoder, InvalidInput } from "@winnow/core"
import type { Rng } from "@winnow/numerics"
import { type GenerateOptions, GenerateSession } from "./generate.ts"
import type { Rollout, Stop } from "./rollout.ts"

/** Options of `continuations`: those of `generate`, with a generator instead of the seed. */
export type ContinuationOptions = Omit<GenerateOptions, "seed" | "firstIndex">

/** Number of different seeds of one draw. */
const SEEDS = 2 ** 32

/**
 * Continues each prompt with the model's current weights, at once: for a `StepState` whose `before` draws text of the
 * draft. No tensor of it stays alive, and the next step may change the weights.
 *
 * @param rng gives one draw, for any number of tokens. Seeded by stage and step, as in `seeded(seed, "on-policy",
 * step)`, it gives a resumed stage the same texts.
 * @returns rollouts in the order of the prompts; the same weights and generator give the same bits
 * @error InvalidInput for bad options, no prompts and ids outside the vocabulary; RangeError for a prompt that is empty
 * or fills the model's context
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
