/** Prompts of a comparison, and the target's texts of them, with which every side is compared. */
import { generate } from "@winnow/generation"
import { gptNeox } from "@winnow/model-gpt-neox"
import { loadDecoder } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { Effect } from "effect"
import type { DecodeOptions } from "./options.ts"
import { chainsOf, textOf } from "./pair.ts"
import { SEED } from "./seed.ts"

type Asked = Pick<DecodeOptions, "margins" | "vocab" | "agreement" | "prompt" | "new">
type Ids = ReadonlyArray<number>

const chainTexts = ({ vocab, agreement, prompt, new: fresh }: Asked, rounds: number): ReadonlyArray<Int32Array> => {
  const { target } = chainsOf(vocab, agreement, SEED)
  return Array.from({ length: rounds }, (_, round) => textOf(target, prompt + fresh, SEED + round))
}

/** One prompt for each round: a piece of the target's chain, or with small margins random tokens. */
export const promptsOf = (o: Asked, rounds: number): ReadonlyArray<Ids> => {
  if (o.margins === "wide") return chainTexts(o, rounds).map((text) => [...text.subarray(0, o.prompt)])
  return Array.from({ length: rounds }, (_, round) => {
    const rng = seeded(SEED + round, "decode bench", "prompt")
    return Array.from({ length: o.prompt }, () => rng.below(o.vocab))
  })
}

/**
 * The target's text of each prompt: the rest of its chain, or with small margins the greedy text of the target at
 * `folder`.
 *
 * The engine must be open with products in float32: bfloat16 decides close choices differently.
 */
export const textsOf = async (o: Asked, prompts: ReadonlyArray<Ids>, folder: string): Promise<ReadonlyArray<Ids>> => {
  if (o.margins === "wide") return chainTexts(o, prompts.length).map((text) => [...text.subarray(o.prompt)])
  const target = await Effect.runPromise(loadDecoder(folder, [gptNeox]))
  const { rollouts } = await generate(target, prompts, { maxNew: o.new })
  target.dispose()
  return rollouts.map(({ tokens }) => [...tokens])
}
