/** Gradients of the variables that a training moves, through adapters if the model has them. */
import { movedParameters, type Trainable } from "@winnow/core"
import { gradients, type tf } from "@winnow/tensor"

/**
 * The value of a loss and its gradient by each trained variable that it depends on, by name. All belong to the caller's tidy.
 *
 * @param f runs the draft
 */
export const trainedGradients = (
  draft: Trainable,
  f: () => tf.Scalar,
): { readonly value: tf.Scalar; readonly byName: Record<string, tf.Tensor> } => {
  const moved = movedParameters(draft)
  const { value, gradients: byVariable } = gradients(f, [...moved.values()])
  const byParameter = Object.fromEntries(
    [...moved.keys()].flatMap((name, i) => (byVariable[i] === undefined ? [] : [[name, byVariable[i]!]])),
  )
  return { value, byName: draft.adapters?.pullBack(byParameter) ?? byParameter }
}
