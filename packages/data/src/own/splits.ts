/** Splits of examples by a seeded hash of their prompt, independent of their order and of the other examples. */
import { DataError, type Example, type Split, textKey } from "@winnow/core"
import { sha256 } from "@winnow/files"

/** The share of the examples that a split gets, 0 to 1. */
export interface Shares {
  readonly validation: number
  readonly test: number
}

/** A number in [0, 1) from a text. */
const drawn = (seed: number, text: string): number =>
  Number.parseInt(sha256(`${seed}\0${text}`).slice(0, 12), 16) / 2 ** 48

/** The split of a key: test has one end of the line of numbers, validation the other, so neither moves with the other's share. */
export const splitOf = (key: string, seed: number, { validation, test }: Shares): Split => {
  const at = drawn(seed, key)
  return at < test ? "test" : at >= 1 - validation ? "validation" : "train"
}

/** The examples by split. Examples with the same prompt, apart from case and spaces, are in one split. */
export const splitByHash = <E extends Example>(
  examples: ReadonlyArray<E>,
  seed: number,
  shares: Shares,
  keyOf: (example: E) => string = ({ prompt }) => textKey(prompt),
): Record<Split, ReadonlyArray<E>> => {
  const splits: Record<Split, Array<E>> = { train: [], validation: [], test: [] }
  for (const example of examples) splits[splitOf(keyOf(example), seed, shares)].push(example)
  return splits
}

/**
 * Training and validation without the prompts that a later split has.
 *
 * @param overlap "drop" leaves them out, with a note
 * @error DataError (thrown) for "refuse"
 */
export const apart = (
  splits: Record<Split, ReadonlyArray<Example>>,
  overlap: "refuse" | "drop",
  notes: Array<string>,
): Record<Split, ReadonlyArray<Example>> => {
  const keys = (examples: ReadonlyArray<Example>) => new Set(examples.map(({ prompt }) => textKey(prompt)))
  const without = (split: Split, taken: ReadonlySet<string>, where: string) => {
    const left = splits[split].filter(({ prompt }) => !taken.has(textKey(prompt)))
    const shared = splits[split].length - left.length
    if (shared === 0) return left
    const text = `${shared} of ${splits[split].length} prompts of the ${split} split are in ${where} too`
    if (overlap === "refuse")
      throw new DataError({ message: `${text}; set overlap: "drop" to leave them out of the ${split} split` })
    notes.push(`${text}; they are left out of the ${split} split`)
    return left
  }
  const tested = keys(splits.test)
  const validation = without("validation", tested, "test")
  const train = without("train", new Set([...tested, ...keys(validation)]), "validation or test")
  return { train, validation, test: splits.test }
}
