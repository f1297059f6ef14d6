/**
 * Texts with a decoding state each, which run together: a text that ends gives its state to the next prompt, whose tokens
 * run beside the newest ones of the others. Nothing is padded, and no token is read twice.
 */
import type { Decoder, Decoding, Sampling } from "@winnow/core"
import type { Batch, Sequence } from "./batch.ts"
import { tokensAfter } from "./what-follows.ts"

/** A state and its text. */
interface Place {
  readonly decoding: Decoding
  sequence: Sequence
}

export class JoinedStates implements Batch {
  #places: ReadonlyArray<Place>

  /**
   * @param first a fresh state of the model that runs with others; disposed with the batch
   * @param waiting texts, one or more; the batch takes the last ones first
   */
  constructor(
    readonly model: Decoder,
    first: Decoding,
    readonly waiting: Array<Sequence>,
    size: number,
    readonly sampling: Sampling,
  ) {
    const others = Array.from({ length: Math.min(size, waiting.length) - 1 }, () => model.decoding())
    this.#places = [first, ...others].map((decoding) => ({ decoding, sequence: waiting.pop()! }))
  }

  next(): ReadonlyArray<readonly [Sequence, number]> {
    // The first state of a call holds the numbers of all. So it stays the first, and ends where no prompt waits for it.
    this.#places = this.#places.filter((place) => place.sequence.finish === undefined || this.#takesNext(place))
    if (this.#places.length === 0) return []
    const parts = this.#places.map(({ decoding, sequence: { prompt, tokens } }) => ({
      decoding,
      ids: decoding.length === 0 ? prompt : Int32Array.of(tokens.at(-1)!),
      rows: 1,
    }))
    const draws =
      this.sampling.temperature === 0
        ? undefined
        : Float64Array.from(this.#places, ({ sequence }) => sequence.rng.uniform())
    const chosen = tokensAfter(this.model, parts, this.sampling, draws)
    return this.#places.map(({ sequence }, i) => [sequence, chosen[i]!])
  }

  /** Gives the state to the next prompt; false without one, and the state is then disposed. */
  #takesNext(place: Place): boolean {
    const next = this.waiting.pop()
    if (next === undefined) {
      place.decoding.dispose()
      return false
    }
    place.decoding.rollback(0)
    place.sequence = next
    return true
  }

  dispose(): void {
    for (const { decoding } of this.#places) decoding.dispose()
    this.#places = []
  }
}
