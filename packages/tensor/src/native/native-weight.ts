/** A weight in native memory, in a form that native decoding reads in the place of a float32 tensor. */
import type { Address } from "@winnow/engine"
import type { tf } from "../tf.ts"
import type { Native } from "./native.ts"
import { worthScreen } from "./of-weights.ts"

/** One weight; dispose it. */
export abstract class NativeWeight<S extends ReadonlyArray<number> = ReadonlyArray<number>> {
  #at: Address | null

  protected constructor(
    readonly native: Native,
    readonly name: string,
    readonly shape: S,
    at: Address,
  ) {
    this.#at = at
  }

  get size(): number {
    return this.shape.reduce((a, b) => a * b, 1)
  }

  get isDisposed(): boolean {
    return this.#at === null
  }

  /** Tells these numbers from others in its place, as that of a variable does. */
  get dataId(): object {
    return this
  }

  /** Where the numbers lie. @error when disposed */
  protected live(): Address {
    if (this.#at === null) throw new Error(`${this.name} is disposed: it has no numbers`)
    return this.#at
  }

  /** The place for native code, marked as that of its form. @error when disposed */
  abstract get address(): Address

  /** The same numbers as a float32 tensor of their own. */
  abstract widened(): tf.Tensor

  /** The screen of these numbers as a vocabulary head, made when first asked for; null where none is worth it. */
  abstract screen(): Address | null

  /** Frees the screen, which the next `screen` makes again. */
  freeScreen(): void {}

  /** Frees the memory at this place, and all that belongs to it. */
  protected abstract release(at: Address): void

  dispose(): void {
    if (this.#at === null) return
    this.release(this.#at)
    this.#at = null
  }
}

/** A weight whose screen native code makes from the place of its numbers, as a head [V, d]. */
export abstract class ScreenedWeight<S extends ReadonlyArray<number> = ReadonlyArray<number>> extends NativeWeight<S> {
  #screen: Address | null | undefined

  override screen(): Address | null {
    if (this.#screen === undefined) {
      const [V, d] = this.shape as unknown as readonly [number, number]
      this.#screen = worthScreen(this.size)
        ? (this.native.C.winnow_screen_new(this.address, V, d) as Address | null)
        : null
    }
    return this.#screen
  }

  override freeScreen(): void {
    if (this.#screen) this.native.C.winnow_screen_free(this.#screen)
    this.#screen = undefined
  }
}
