/** Refuses trainings that do not fit into this machine's memory. */
import { type Example, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import type { Architectures } from "../architectures.ts"
import type { Resolved } from "../experiment/resolved.ts"
import { type Machine, thisMachine, workerBytes } from "../schedule/jobs.ts"

/**
 * An estimate this many times the free memory is beyond its error (a factor of 2) and beyond the memory that other
 * programs may free.
 */
const beyondDoubt = 4

/** Mean characters of a token, so high that every tokenizer makes more tokens. */
const mostCharacters = 16

/**
 * A lower bound for the mean number of tokens of a task's examples, before they are encoded. It leaves out examples
 * that are longer than `maxLength` under any tokenizer, like the data stage.
 */
export const leastLength = (examples: ReadonlyArray<Example>, maxLength: number): number => {
  const least = examples
    .map(({ prompt, answer }) => (prompt.length + answer.length) / mostCharacters)
    .filter((length) => length <= maxLength)
  return Math.max(2, Math.floor(least.reduce((sum, length) => sum + length, 0) / Math.max(1, least.length)))
}

/**
 * Refuses a run that cannot fit.
 *
 * @param length mean tokens of an encoded example: `maxLength` alone is a poor estimate
 * @error InvalidInput with the size of its largest training and the free memory
 */
export const checkMemory = (
  resolved: Pick<Resolved, "name" | "target" | "draft" | "placed">,
  architectures: Architectures,
  length: number,
  { memory }: Pick<Machine, "memory"> = thisMachine(),
): Effect.Effect<void, InvalidInput> => {
  const bytes = workerBytes({ ...resolved, maxLength: length }, architectures)
  if (bytes <= beyondDoubt * memory) return Effect.void
  const gigabytes = (of: number) => `${Number((of / 1e9).toPrecision(2)).toLocaleString("en")} GB`
  const sizes = `its largest training takes about ${gigabytes(bytes)} of memory, ${gigabytes(memory)} are free`
  const problems = [`${sizes}; set smaller models or a smaller batchSize`]
  return Effect.fail(new InvalidInput({ what: `experiment ${resolved.name}`, problems }))
}
