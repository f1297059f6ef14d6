/** Distributions of the next token at some rows. */

/** A token with its probability. */
export interface Probable {
  readonly id: number
  readonly p: number
}

/** Distributions over the vocabulary, computed on demand; an array of them qualifies. */
export interface DistributionRows {
  readonly at: (r: number) => Float64Array | undefined
  /**
   * The `count` most probable ids of a row in falling order, the lowest of equal ones first, without ids that have no mass;
   * probabilities within 1e-5 of those of `at`. Left out: `at` has them all.
   */
  readonly best?: (r: number, count: number) => ReadonlyArray<Probable>
}
