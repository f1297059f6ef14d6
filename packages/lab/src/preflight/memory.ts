/** Trainings that no memory of this machine holds. */
import type { Architectures } from "../cells.ts"
import type { Resolved } from "../experiment/resolve.ts"
import { type Machine, workerBytes } from "../schedule/jobs.ts"

/** An estimate this many times the free memory is beyond its error (a factor of 2) and beyond what other programs free. */
const beyondDoubt = 4

/**
 * The problem of a run that cannot fit; undefined where it may.
 *
 * @param length mean tokens of an encoded example: `maxLength` alone says little
 */
export const memoryProblem = (
  resolved: Pick<Resolved, "target" | "draft" | "arms" | "capacity">,
  architectures: Architectures,
  length: number,
  { memory }: Pick<Machine, "memory">,
): string | undefined => {
  const bytes = workerBytes({ ...resolved, maxLength: length }, architectures)
  if (bytes <= beyondDoubt * memory) return undefined
  const gigabytes = (of: number) => `${Number((of / 1e9).toPrecision(2)).toLocaleString("en")} GB`
  return `its largest training takes about ${gigabytes(bytes)} of memory, ${gigabytes(memory)} are free; set smaller models or a smaller batchSize`
}
