/** The words that every measure has, and its figures of texts. */

/** The sum and the count of each text, in their order. A count of 0 means that the text has nothing to measure. */
export type MeasuredTexts = ReadonlyArray<readonly [sum: number, count: number]>

/** The words of a measure with its options fixed. */
export interface MeasureWords {
  readonly name: string
  readonly better: "higher" | "lower"
  /** "%" for a share, "nats"; "" for a plain number. */
  readonly unit: string
}
