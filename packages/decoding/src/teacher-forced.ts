/**
 * One pass of frozen models over stored rollouts: logits at every generated position, in chunks of rows.
 *
 * Letters: B sequences, T positions, R rows of a chunk, d hidden size, V vocabulary.
 */
import type { Decoder } from "@winnow/core"
import { packsByLength } from "@winnow/data"
import { logits, type Pieces, type Rollout } from "@winnow/generation"
import { tf } from "@winnow/tensor"
import { type } from "arktype"

/** Limits of memory in use at once. */
export const passOptions = type({
  "+": "reject",
  /** Positions of a batch, padding included: bounds the memory of attention. */
  batchTokens: "number.integer >= 1 = 4096",
  /** Bytes of one model's logits in a chunk. 16 MiB: 83 rows at V = 50304; stays near the caches. */
  chunkBytes: "number >= 1 = 16777216",
})

export type PassOptions = typeof passOptions.inferIn

/** Rows of one chunk. The pass owns the tensors and frees them when the visit returns. */
export interface ForcedRows {
  /** One matrix [R, V] for each model, in their order; [R, U] for one whose head has U rows. */
  readonly logits_RV: ReadonlyArray<tf.Tensor2D>
  /** The next token of the text. */
  readonly token_R: Int32Array
  /** The index of each row's rollout, and of its token among the generated ones, from 0. */
  readonly rollout_R: Int32Array
  readonly position_R: Int32Array
}

/** Positions of a rollout's pass: all its tokens except the last. */
const lengthOf = ({ prompt, tokens }: Rollout): number => prompt.length + tokens.length - 1

/** Groups the rollouts with generated tokens into packs of indices. */
const packsOf = (rollouts: ReadonlyArray<Rollout>, batchTokens: number): ReadonlyArray<ReadonlyArray<number>> =>
  packsByLength(
    rollouts.keys().filter((i) => rollouts[i]!.tokens.length > 0),
    (i) => lengthOf(rollouts[i]!),
    batchTokens,
    "longest first",
  )

/** Right-padded ids [B, T] without each last token, and the positions that predict generated tokens. */
const layOut = (rollouts: ReadonlyArray<Rollout>, batch: ReadonlyArray<number>) => {
  const T = Math.max(...batch.map((i) => lengthOf(rollouts[i]!)))
  // Padding follows the text: causal models cannot see it from the text, and its rows are never gathered.
  const ids_BT = new Int32Array(batch.length * T)
  const [flat, token, rollout, position]: Array<Array<number>> = [[], [], [], []]
  for (const [b, i] of batch.entries()) {
    const { prompt, tokens } = rollouts[i]!
    ids_BT.set(prompt, b * T)
    ids_BT.set(tokens.subarray(0, -1), b * T + prompt.length)
    for (let t = 0; t < tokens.length; t++) {
      flat!.push(b * T + prompt.length - 1 + t)
      token!.push(tokens[t]!)
      rollout!.push(i)
      position!.push(t)
    }
  }
  const columns = {
    token: Int32Array.from(token!),
    rollout: Int32Array.from(rollout!),
    position: Int32Array.from(position!),
  }
  return { T, ids_BT, flat: Int32Array.from(flat!), ...columns }
}

/**
 * Visits every generated position of the rollouts once, one batch a piece.
 *
 * Only the rows of one chunk are in memory, never anything of size [positions, V].
 *
 * @param visit synchronous; called inside a `tf.tidy`
 */
export function* teacherForced(
  models: ReadonlyArray<Decoder>,
  rollouts: ReadonlyArray<Rollout>,
  { batchTokens, chunkBytes }: typeof passOptions.infer,
  visit: (rows: ForcedRows) => void,
): Pieces<void> {
  const V = Math.max(...models.map((m) => m.architecture.vocabularySize))
  const R = Math.max(1, Math.floor(chunkBytes / (4 * V)))
  for (const batch of packsOf(rollouts, batchTokens)) {
    const { T, ids_BT, flat, token, rollout, position } = layOut(rollouts, batch)
    tf.tidy(() => {
      const ids = tf.tensor2d(ids_BT, [batch.length, T], "int32")
      const hidden_Nd = models.map((m) =>
        tf.tidy(() => {
          const h_BTd = m.hidden(ids)
          return tf.gather(tf.reshape(h_BTd, [batch.length * T, h_BTd.shape[2]]), tf.tensor1d(flat, "int32"))
        }),
      )
      for (let from = 0; from < flat.length; from += R) {
        const to = Math.min(flat.length, from + R)
        tf.tidy(() =>
          visit({
            logits_RV: models.map((m, i) => logits(m, tf.slice(hidden_Nd[i]!, from, to - from) as tf.Tensor2D)),
            token_R: token.subarray(from, to),
            rollout_R: rollout.subarray(from, to),
            position_R: position.subarray(from, to),
          }),
        )
      }
    })
    yield
  }
}

/** One array for each rollout, as long as its generated text. */
export const perPosition = (rollouts: ReadonlyArray<Rollout>): ReadonlyArray<Float64Array> =>
  rollouts.map(({ tokens }) => new Float64Array(tokens.length))
