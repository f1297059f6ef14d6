/** A head with fresh parameters for one target. Letters: V vocabulary, D hidden size of the target. */
import type { DraftHead, Encoder, HeadInstance } from "@winnow/core"
import { Halves, tf } from "@winnow/tensor"
import { freshValues } from "./initialise.ts"
import { makeHead } from "./make-head.ts"
import { ownVariable } from "./model.ts"

/**
 * A head on a target's hidden states. Each parameter has a random stream of its own, from seed and name; a parameter
 * that starts as the target's vocabulary head is a copy of it, and training does not change the target.
 *
 * @param seed any safe integer
 * @error Error if a parameter that starts as the target's head has another shape
 */
export const initialiseHead = (head: HeadInstance, target: Encoder, seed: number): DraftHead => {
  const { parameters: specs } = head.on(target.architecture)
  const copyOfHead = (name: string, shape: ReadonlyArray<number>) => {
    const own = target.frozenHead_Vd
    if (own.shape.join() !== shape.join())
      throw new Error(
        `head ${head.name}: parameter ${name} [${shape}] begins as the target's head, which is [${own.shape}]`,
      )
    return own instanceof Halves ? own.widened() : tf.add(own, 0)
  }
  const parameters = new Map(
    Array.from(specs, ([name, { shape, init }]) => [
      name,
      ownVariable(() =>
        init.kind === "target head" ? copyOfHead(name, shape) : freshValues({ shape, init }, name, seed),
      ),
    ]),
  )
  return makeHead(head, target, parameters)
}
