/**
 * Revisions of the numeric core. A key contains the revision of its stage's computation, not a hash of the code: a new
 * family, another error text or a refactoring that changes no number keeps every artifact.
 *
 * Raise a revision in the commit that changes the numbers of its stages. `test/golden/golden.test.ts` trains and
 * measures small runs and compares their sums with stored ones, so changed numbers fail until the revision is raised
 * and the sums are stored again.
 */
export const revisions = {
  /** Tokenizers, trained here or from files, and the ids of texts. */
  text: 1,
  /** Initialisation, batches, the step, the optimizer: targets, starts, references, arms. */
  training: 1,
  /** Caches of frozen models' signals. */
  signals: 1,
  /** Texts that a model writes. */
  generation: 1,
  /** The target's acceptance, by teacher forcing and by decoding; the tokens that a filter keeps. */
  measuring: 1,
  /** Figures, errors and intervals of a record, from the counts of its stages. */
  statistics: 1,
} as const

export type Revision = keyof typeof revisions
