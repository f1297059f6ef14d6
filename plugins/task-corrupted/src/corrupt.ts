/** Answers spoilt on purpose: the noise of an experiment. */
import type { Example } from "@winnow/core"
import { permutation, type Rng, seeded } from "@winnow/numerics"

/** The kinds of noise: an answer's own words in another order, or the answer of another example. */
export type Noise = "shuffled" | "swapped"

/** Draws of an order that changes an answer before it counts as one that cannot change. */
const most = 20

/** The words of an answer in a random order; the blanks and line ends between them keep their places. */
const shuffledWords = (answer: string, rng: Rng): string => {
  const parts = answer.split(/(\s+)/)
  const places = parts.flatMap((part, i) => (i % 2 === 0 && part !== "" ? [i] : []))
  for (let draw = 0; draw < most; draw++) {
    const out = [...parts]
    for (const [i, from] of permutation(places.length, rng).entries()) out[places[i]!] = parts[places[from]!]!
    const text = out.join("")
    if (text !== answer) return text
  }
  return answer
}

/** Every place of a list, each with the place after it in one random circle: no place is with itself, of two or more. */
const circle = (places: Int32Array, rng: Rng): ReadonlyMap<number, number> => {
  const order = permutation(places.length, rng)
  return new Map(Array.from(order, (i, at) => [places[i]!, places[order[(at + 1) % order.length]!]!]))
}

/** Corrupted examples, and how many answers that were to be corrupted are as they were. */
export interface Corrupted {
  readonly examples: ReadonlyArray<Example>
  readonly chosen: number
  readonly unchanged: number
}

/**
 * The examples with a share of their answers corrupted, in their order. Prompts stay as they are.
 *
 * @param share 0 to 1; the nearest whole number of answers is chosen
 */
export const corrupt = (examples: ReadonlyArray<Example>, share: number, by: Noise, seed: number): Corrupted => {
  const places = permutation(examples.length, seeded(seed, "corrupted")).slice(0, Math.round(share * examples.length))
  const others = by === "swapped" ? circle(places, seeded(seed, "corrupted", by)) : undefined
  const chosen = new Set(places)
  const out = examples.map((example, i) => {
    if (!chosen.has(i)) return example
    const answer =
      others === undefined
        ? shuffledWords(example.answer, seeded(seed, "corrupted", by, i))
        : examples[others.get(i)!]!.answer
    return answer === example.answer ? example : { ...example, answer, corrupted: true }
  })
  const unchanged = places.filter((i) => out[i]!.answer === examples[i]!.answer).length
  return { examples: out, chosen: places.length, unchanged }
}
