/** The sum of a tensor's squares, for the norm in the clipping of gradients. */
import { address, native } from "../native/native.ts"
import type { tf } from "../tf.ts"
import { floatType, runOp } from "./run.ts"

/** `squareSum` of TensorFlow ops: float32 sums. */
export const plainSquareSum = (x: tf.Tensor): number => {
  const half = runOp("L2Loss", [floatType()], [x])
  const sum = 2 * half.dataSync()[0]!
  half.dispose()
  return sum
}

/** Sum of the squares of a float32 tensor's elements, as a number; natively summed in double. */
export const squareSum = (x: tf.Tensor): number => {
  const fast = native()
  return fast === undefined ? plainSquareSum(x) : fast.C.winnow_square_sum(x.size, address(x))
}
