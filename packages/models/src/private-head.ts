/** A head with a private part: made from a shared head, whose variables stay as they are. */
import { type DraftHead, type HeadInstance, InvalidInput, type ParameterSpec } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { freshValues } from "./initialise.ts"
import { makeHead } from "./make-head.ts"
import { ownVariable } from "./model.ts"
import { isPrivate } from "./private-part.ts"

/** A head of whose parameters the private ones are trained. */
export interface PrivateHead extends DraftHead {
  /** Frees the variables that it made, and none of the shared head. */
  readonly release: () => void
}

/**
 * The head with a fresh private part: the same function, bit by bit. Of a head that has this private part already, that one
 * is trained further, and `release` frees nothing.
 *
 * @param head the same plugin with the options of a private part
 * @param seed draws the private matrices that read the feed-forward's input, by name
 * @error InvalidInput (thrown) for a head without a private part, and for one with another private part
 */
export const withPrivateHead = (shared: DraftHead, head: HeadInstance, seed: number): PrivateHead => {
  const specs = head.on(shared.target.architecture).parameters
  const names = [...specs.keys()].filter(isPrivate)
  const fail = (problem: string) =>
    new InvalidInput({ what: `head ${shared.name}: a private part`, problems: [problem] })
  if (names.length === 0) throw fail("its options give it none")
  const there = [...shared.parameters.keys()].filter(isPrivate)
  const shapeOf = (name: string) => specs.get(name)!.shape.join()
  if (
    there.length > 0 &&
    !(
      there.length === names.length &&
      names.every((name) => shared.parameters.get(name)?.shape.join() === shapeOf(name))
    )
  )
    throw fail("the head has another one: train it further with its own settings, or begin with the shared head")
  const fresh = new Map(
    there.length > 0
      ? []
      : names.map((name) => {
          const spec = specs.get(name)! as ParameterSpec // a private part begins as the target's nowhere
          return [name, ownVariable(() => freshValues(spec, name, seed))] as const
        }),
  )
  const all = new Map([...specs.keys()].map((name) => [name, fresh.get(name) ?? shared.parameters.get(name)!] as const))
  const release = () => tf.dispose([...fresh.values()])
  const { pieceOf } = shared
  return {
    ...makeHead(head, shared.target, all, { pieceOf }),
    trained: new Map(names.map((name) => [name, all.get(name)!] as const)),
    ...{ release, dispose: release },
  }
}
