/** The hidden states of a decoding state's last call that its caller asked for. */
import type { TargetLayer } from "@winnow/core"

export class KeptStates {
  /** The numbered layers, increasing, each once. */
  readonly numbers: ReadonlyArray<number>
  readonly readsLast: boolean
  #numbered: ReadonlyArray<Float32Array> = []
  #last: Float32Array | undefined

  /**
   * @param layers of the model
   * @error Error for a layer that is neither "last" nor a number below `layers`
   */
  constructor(
    readonly asked: ReadonlyArray<TargetLayer>,
    layers: number,
  ) {
    const odd = asked.find((layer) => layer !== "last" && !(Number.isInteger(layer) && layer >= 0 && layer < layers))
    if (odd !== undefined)
      throw new Error(`there is no layer ${odd} to keep: expected "last", or 0 (the embedding) to ${layers - 1}`)
    this.numbers = [...new Set(asked.filter((layer) => layer !== "last"))].toSorted((a, b) => a - b)
    this.readsLast = asked.includes("last")
  }

  /** Takes the states of the numbered layers, in their order. */
  take(states: ReadonlyArray<Float32Array>): void {
    this.#numbered = states
  }

  takeLast(states: Float32Array): void {
    this.#last = states
  }

  /** `Decoding.kept`. */
  readonly of = (layer: TargetLayer): Float32Array => {
    const found = layer === "last" ? this.#last : this.#numbered[this.numbers.indexOf(layer)]
    if (found !== undefined) return found
    throw new Error(
      this.asked.includes(layer)
        ? "no states are kept yet: extend the decoding state first"
        : `layer ${layer} is not kept: the decoding state was begun with ${this.asked.join(", ") || "none"}`,
    )
  }
}
