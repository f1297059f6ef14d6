/** Calls a score as its stage calls it, on a small random problem. N states, d hidden size, C classes, M scored tokens. */
import { seeded } from "@winnow/numerics"
import { type ScoreContext, type ScoreFigure, type ScoreFigures, type ScoreInstance, scoreFigures } from "../score.ts"
import { PluginFault } from "./fault.ts"

/** Sizes of a random problem; `perClass` states of each class. */
export interface ScoreSizes {
  readonly C: number
  readonly perClass: number
  readonly d: number
}

/** Random hidden states of a few classes, and random figures of tokens; the same for the same seed. */
export const randomScoreInput = (
  seed: number,
  { C, perClass, d }: ScoreSizes = { C: 4, perClass: 6, d: 5 },
): ScoreFigures & ScoreContext => {
  const rng = seeded(seed, "score input")
  const floats = (length: number, draw: () => number) => Float32Array.from({ length }, draw)
  const [N, M] = [C * perClass, 40]
  const lens = seeded(seed, "score input", "lens")
  return {
    ...{ N, d, C, M },
    h_Nd: floats(N * d, () => rng.normal()),
    lensAcceptance_N: floats(N, () => lens.uniform()),
    lensAgreement_N: floats(N, () => lens.below(2)),
    loss_M: floats(M, () => 4 * rng.uniform()),
    entropy_M: floats(M, () => 2 * rng.uniform()),
    acceptance_M: floats(M, () => rng.uniform()),
    parameters: 1000 + rng.below(1000),
    class_N: Int32Array.from({ length: N }, (_, n) => n % C),
    sequence_N: Int32Array.from({ length: N }, (_, n) => Math.floor(n / C)),
    rng: seeded(seed, "score"),
  }
}

/** The arrays of a score's input, which belong to the stage. */
export const scoreArrays = [
  ...scoreFigures.filter((figure): figure is Exclude<ScoreFigure, "parameters"> => figure !== "parameters"),
  "class_N",
  "sequence_N",
] as const

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
  for (const key of scoreArrays)
    if (!Buffer.from(input[key].buffer).equals(Buffer.from(before[key].buffer)))
      throw new PluginFault(plugin, "input untouched", `wrote to ${key}, which belongs to the stage; work on a copy`)
  const second = score.of(again)
  if (!Object.is(first, second))
    throw new PluginFault(plugin, "seeded", `returned ${first}, then ${second} of the same input; draw from input.rng`)
}
