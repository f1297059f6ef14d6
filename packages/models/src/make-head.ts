/** A head with its parameters. */
import { asDecoder, type DraftHead, type Encoder, type HeadInstance, type Parameters } from "@winnow/core"
import { freeOfWeights, tf } from "@winnow/tensor"

/** The text of the target's tokens, for a head that reads it. */
export type HeadText = Pick<DraftHead, "pieceOf">

/**
 * A head on a target with these parameters; owns the variables.
 * @error if the names or shapes are not the head's
 */
export const makeHead = (
  head: HeadInstance,
  target: Encoder,
  parameters: Parameters,
  { pieceOf }: HeadText = {},
): DraftHead => {
  const { parameters: specs, layers, readsLast, rows, proposing, folderFor, trees } = head.on(target.architecture)
  for (const [name, { shape }] of specs) {
    const found = parameters.get(name)?.shape
    if (found?.join() !== shape.join())
      throw new Error(
        `head ${head.name}: parameter ${name} is ${found ? `[${found}]` : "missing"}, expected [${shape}]`,
      )
  }
  const valuesOf = () => ({ parameters, target: asDecoder(target, `head ${head.name}'s target`) })
  return {
    name: head.name,
    reads: head.reads,
    ...{ layers, readsLast },
    target,
    pieceOf,
    parameters,
    trained: parameters,
    rows: (problem, seen) => rows(parameters, problem, seen),
    ...(proposing && { proposing: (grow) => proposing(valuesOf(), grow) }),
    ...(folderFor && { folderFor: (engine) => folderFor(engine, valuesOf()) }),
    trees,
    dispose: () => {
      freeOfWeights(parameters.values())
      tf.dispose([...parameters.values()])
    },
  }
}

/**
 * The head with a copy of its target that is trained with it, all but the copy's vocabulary head; owns the copy.
 *
 * @param trunk a model of the target's architecture, of the caller's own until now
 */
export const withTrunk = (head: DraftHead, trunk: Encoder): DraftHead => {
  const { head: vocabulary, embedding } = trunk.architecture
  const moved = [...trunk.parameters].filter(([name]) => name !== vocabulary || vocabulary === embedding)
  const { proposing: _, ...rest } = head // it would propose for a target whose states it does not read
  return {
    ...rest,
    trunk,
    trained: new Map([...head.trained, ...moved.map(([name, variable]) => [`trunk.${name}`, variable] as const)]),
    dispose: () => {
      head.dispose()
      trunk.dispose()
    },
  }
}
