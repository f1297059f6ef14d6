/** A head with fresh parameters for one target. Letters: V vocabulary, D hidden size of the target. */
import type { DraftHead, Encoder, HeadInstance, HeadParameter } from "@winnow/core"
import { type FrozenMatrix, fillTensor, Halves, tf } from "@winnow/tensor"
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
  const copyOf = (name: string, shape: ReadonlyArray<number>, what: string, own: FrozenMatrix | undefined) => {
    if (own?.shape.join() !== shape.join())
      throw new Error(
        `head ${head.name}: parameter ${name} [${shape}] begins as the target's ${what}, which is ${own ? `[${own.shape}]` : "not there"}`,
      )
    return own instanceof Halves ? own.widened() : tf.add(own!, 0)
  }
  const first = (name: string, { shape, init }: HeadParameter): tf.Tensor => {
    switch (init.kind) {
      case "target head":
        return copyOf(name, shape, "head", target.frozenHead_Vd)
      case "target parameter":
        return copyOf(name, shape, init.name, target.parameters.get(init.name) as FrozenMatrix | undefined) // of any rank
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
