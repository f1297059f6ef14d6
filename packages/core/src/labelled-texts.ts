/**
 * Labelled texts: examples whose answer names a class, and the pooled states of texts.
 *
 * Letters: n texts, d hidden size.
 */
import { tf } from "@winnow/tensor"
import type { PooledStates } from "./fitting.ts"
import type { EncodedExample } from "./problem.ts"

/** The classes of a task by the ids of their answers, in the order of their first text. */
export type LabelClasses = ReadonlyMap<string, number>

const labelOf = ({ ids, promptLength }: EncodedExample): string => ids.subarray(promptLength).join()

/** The classes that these examples have. */
export const labelClasses = (examples: ReadonlyArray<EncodedExample>): LabelClasses => {
  const classes = new Map<string, number>()
  for (const label of examples.map(labelOf)) if (!classes.has(label)) classes.set(label, classes.size)
  return classes
}

/** The prompts, and the class of each; -1 for a label that is none of the classes. */
export const labelledTexts = (
  examples: ReadonlyArray<EncodedExample>,
  classes: LabelClasses,
): { readonly texts: ReadonlyArray<Int32Array>; readonly class_N: Int32Array } => ({
  texts: examples.map(({ ids, promptLength }) => ids.subarray(0, promptLength)),
  class_N: Int32Array.from(examples, (example) => classes.get(labelOf(example)) ?? -1),
})

/** At most so many of a list, at even distances: a file may be in order of its labels. */
export const spread = <A>(all: ReadonlyArray<A>, most: number): ReadonlyArray<A> =>
  all.length <= most ? all : Array.from({ length: most }, (_, i) => all[Math.floor((i * all.length) / most)]!)

/** Texts in one pass of a model. */
const together = 32

/** The pooled states of texts, [n, d]: passes over texts of like length, with a pause after each. */
export function* pooledRows(
  pooled: PooledStates,
  texts: ReadonlyArray<Int32Array>,
  d: number,
): Generator<void, Float32Array> {
  const order = [...texts.keys()].toSorted((a, b) => texts[a]!.length - texts[b]!.length || a - b)
  const h_nd = new Float32Array(texts.length * d)
  for (let from = 0; from < order.length; from += together) {
    const some = order.slice(from, from + together)
    tf.tidy(() => {
      const rows = pooled(some.map((i) => texts[i]!)).dataSync()
      for (const [b, i] of some.entries()) h_nd.set(rows.subarray(b * d, (b + 1) * d), i * d)
    })
    yield
  }
  return h_nd
}
