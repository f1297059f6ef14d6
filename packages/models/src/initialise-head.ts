/** A head with fresh parameters for one target. Letters: V vocabulary, D hidden size of the target. */
import type { DraftHead, Encoder, HeadInstance, HeadParameter } from "@winnow/core"
import { fillTensor, Halves, tf } from "@winnow/tensor"
import { freshValues } from "./initialise.ts"
import { type HeadText, makeHead } from "./make-head.ts"
import { ownVariable } from "./model.ts"

/**
 * A head on a target's hidden states. Each parameter has a random stream of its own, from seed and name; a parameter
 * that starts as one of the target's is a copy of it, and training does not change the target.
 *
 * @param seed any safe integer
 * @error Error if a parameter that starts as one of the target's has another shape
 */
export const initialiseHead = (head: HeadInstance, target: Encoder, seed: number, text: HeadText = {}): DraftHead => {
  const { parameters: specs } = head.on(target.architecture)
  const copyOfHead = (name: string, shape: ReadonlyArray<number>) => {
    const own = target.frozenHead_Vd
    if (own.shape.join() !== shape.join())
      throw new Error(
        `head ${head.name}: parameter ${name} [${shape}] begins as the target's head, which is [${own.shape}]`,
      )
    return own instanceof Halves ? own.widened() : tf.add(own, 0)
  }
  const copyOfParameter = (name: string, shape: ReadonlyArray<number>, from: string) => {
    const own = target.parameters.get(from)
    if (own?.shape.join() !== shape.join())
      throw new Error(
        `head ${head.name}: parameter ${name} [${shape}] begins as the target's ${from}, which ${own ? `is [${own.shape}]` : "it does not have"}`,
      )
    return tf.add(own, 0)
  }
  const first = (name: string, { shape, init }: HeadParameter): tf.Tensor => {
    switch (init.kind) {
      case "target head":
        return copyOfHead(name, shape)
      case "target parameter":
        return copyOfParameter(name, shape, init.name)
      case "identity":
        return fillTensor(shape, "float32", (values) => {
          const [rows, columns] = shape as [number, number]
          ;(values as Float32Array).fill(0) // the memory is not empty
          for (let i = 0; i < Math.min(rows, columns); i++) values[i * columns + i] = 1
        })
      default:
        return freshValues({ shape, init }, name, seed)
    }
  }
  const parameters = new Map(Array.from(specs, ([name, spec]) => [name, ownVariable(() => first(name, spec))]))
  return makeHead(head, target, parameters, text)
}
