/**
 * Hidden states of a frozen model for a batch, at all positions.
 *
 * Letters: B rows, T positions, d hidden size.
 */
import { attendsBefore, type Encoder, type Problem, type Seen } from "@winnow/core"
import { hiddenByLayer, paddedStarts } from "@winnow/models"
import { tf } from "@winnow/tensor"

/** The starts of sequences in rows that a model needs: of packed rows, and of all rows if it would read the padding. */
export const startsFor = (
  { architecture }: Encoder,
  { start_BT, length_B, T }: Pick<Problem, "start_BT" | "length_B" | "T">,
): Int32Array | undefined => start_BT ?? (attendsBefore(architecture) ? undefined : paddedStarts(length_B, T))

/**
 * Hidden states of a batch, [B, T, d]. Packed rows come with their sequences' starts. A bidirectional model gets the
 * lengths of rows too, as it would read the padding.
 */
export const hiddenOf = (model: Encoder, problem: Problem, ids_BT: tf.Tensor2D): tf.Tensor3D =>
  model.hidden(ids_BT, startsFor(model, problem))

/** A model's states after its final norm and those of chosen layers, by one pass. They belong to the caller's tidy. */
export const targetStates = (
  model: Encoder,
  problem: Problem,
  ids_BT: tf.Tensor2D,
  layers: ReadonlyArray<number>,
): Pick<Seen, "targetHidden" | "targetLayers"> => {
  if (layers.length === 0)
    return { targetHidden: tf.tidy(() => hiddenOf(model, problem, ids_BT)), targetLayers: new Map() }
  const states = tf.tidy(() => {
    const all = hiddenByLayer(model, ids_BT, startsFor(model, problem))
    const last = all.at(-1)!
    const { hiddenSize } = model.architecture
    const hidden =
      last.shape[2] === hiddenSize ? last : tf.concat([last, tf.onesLike(tf.slice(last, [0, 0, 0], [-1, -1, 1]))], 2)
    return [hidden, ...layers.map((layer) => all[layer]!)] as Array<tf.Tensor3D>
  })
  return {
    targetHidden: states[0]!,
    targetLayers: new Map(layers.map((layer, i) => [layer, states[i + 1]!])),
  }
}
