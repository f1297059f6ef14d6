/** The predictions of rows, and how often they are right. Letters: N valid rows of a problem, M rows of an entry, R rows of a chunk. */
import { linear, tf } from "@winnow/tensor"
import type { DraftRows } from "./draft-rows.ts"
import type { MeasuredTexts } from "./measured-texts.ts"
import type { Problem } from "./problem.ts"

/** Rows of logits in memory at once. */
const chunkRows = 256

/** The most probable token of each row of an entry, [M]; the lowest id among equal ones. */
export const mostProbable = ({
  h_Md,
  head_Vd,
  headIds,
}: Pick<DraftRows, "h_Md" | "head_Vd" | "headIds">): Int32Array => {
  const [M] = h_Md.shape
  const out = new Int32Array(M)
  for (let at = 0; at < M; at += chunkRows)
    tf.tidy(() => {
      const h_Rd = tf.slice(h_Md, [at, 0], [Math.min(chunkRows, M - at), -1])
      out.set(tf.argMax(linear(h_Rd, head_Vd as tf.Tensor2D), 1).dataSync() as Int32Array, at)
    })
  return headIds === undefined ? out : out.map((u) => headIds.id_U[u]!)
}

/**
 * For each text of a problem the number of rows whose most probable token, or class, is the wanted one, and of all rows that the
 * entries predict.
 *
 * @param wantedOf the wanted tokens of an entry's rows, [M]: `goldOfEntry`, or a model's
 */
export const countMatches = (
  { B, sequence_N }: Pick<Problem, "B" | "sequence_N">,
  entries: ReadonlyArray<DraftRows>,
  wantedOf: (entry: DraftRows) => Int32Array,
): MeasuredTexts => {
  const counts = Array.from({ length: B }, (): [number, number] => [0, 0])
  for (const entry of entries) {
    const wanted_M = wantedOf(entry)
    for (const [m, id] of mostProbable(entry).entries()) {
      const text = counts[sequence_N[entry.at_M?.[m] ?? m]!]!
      text[1]++
      if (id === wanted_M[m]) text[0]++
    }
  }
  return counts
}

/**
 * The gold class of each row of an entry: its own classes', or the problem's tokens.
 *
 * @param gold_N the gold token of each row of the problem
 */
export const goldOfEntry = ({ classes, at_M }: Pick<DraftRows, "classes" | "at_M">, gold_N: Int32Array): Int32Array =>
  classes?.gold_M ?? at_M?.map((n) => gold_N[n]!) ?? gold_N
