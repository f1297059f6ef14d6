/**
 * Copies that native code makes of a weight and keeps: made when first asked for, anew when the weight changed, freed
 * with the model, or when the variable is forgotten.
 */
import type { Address } from "@winnow/engine"
import type { tf } from "../tf.ts"
import { address, type Native } from "./native.ts"
import { weightsVersion } from "./weights-version.ts"

interface Made {
  readonly handle: Address | null
  /** Of the weight that it was made from. */
  readonly dataId: object
  readonly version: number
  readonly free: () => void
}

/** One thing a variable. */
export class OfWeights {
  readonly #made = new WeakMap<tf.Variable, Made>()
  readonly #forgotten = new FinalizationRegistry<Made>(({ free }) => free())

  constructor(
    readonly make: (native: Native, weight: Address, shape: readonly [number, number]) => Address | null,
    readonly release: (native: Native, handle: Address) => void,
  ) {}

  /** The copy of this matrix as it is now, null where memory does not suffice. */
  get(native: Native, weight: tf.Variable): Address | null {
    const found = this.#made.get(weight)
    const [dataId, version] = [weight.dataId, weightsVersion()]
    if (found !== undefined && found.dataId === dataId && found.version === version) return found.handle
    this.free(weight)
    const handle = this.make(native, address(weight), weight.shape as [number, number])
    const made = { handle, dataId, version, free: () => handle !== null && this.release(native, handle) }
    this.#made.set(weight, made)
    this.#forgotten.register(weight, made, weight)
    return handle
  }

  /** Frees what belongs to this variable, if there is anything. */
  free(weight: tf.Variable): void {
    const made = this.#made.get(weight)
    if (made === undefined) return
    this.#made.delete(weight)
    this.#forgotten.unregister(weight)
    made.free()
  }
}

/** Numbers of a head below which a screen gains nothing: the head itself lies in the caches. */
const WORTH = 1 << 17

/** True of a head that a screen makes quicker. */
export const worthScreen = (numbers: number): boolean => numbers >= WORTH

const screens = new OfWeights(
  (native, weight, [V, d]) => native.C.winnow_screen_new(weight, V, d) as Address | null,
  (native, handle) => native.C.winnow_screen_free(handle),
)

const rounded = new OfWeights(
  (native, weight, [N, K]) => native.C.winnow_rounded_new(weight, N, K) as Address | null,
  (native, handle) => native.C.winnow_rounded_free(handle),
)

/**
 * The screen of a vocabulary head (`native/decode-head.h`): the head [V, d] in 8 bits, V (d + 12) bytes, by which the greedy
 * choice reads a quarter of it and stays exact. Null where none is worth it.
 */
export const screenOf = (native: Native, head_Vd: tf.Variable): Address | null =>
  worthScreen(head_Vd.size) ? screens.get(native, head_Vd) : null

/** The weight of a product rounded to bfloat16. @error when memory does not suffice */
export const roundedOf = (native: Native, weight: tf.Variable): Address => {
  const copy = rounded.get(native, weight)
  if (copy === null) throw new Error(`native decoding: no memory for ${weight.name} in bfloat16`)
  return copy
}

/** Frees what native code made of these weights. */
export const freeOfWeights = (weights: Iterable<tf.Variable>): void => {
  for (const weight of weights) for (const kind of [screens, rounded]) kind.free(weight)
}
