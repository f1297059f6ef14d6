/**
 * Texts with a decoding state each, which run together: a text that ends gives its state to the next prompt, whose tokens
 * run beside the newest ones of the others. Nothing is padded, and no token is read twice.
 */
import type { Decoder, Decoding, Sampling } from "@winnow/core"
import type { Batch, Sequence } from "./batch.ts"
import { tokensAfter } from "./what-follows.ts"

/** A state and its text; without one it waits for the next prompt. */
interface Place {
  readonly decoding: Decoding
  sequence: Sequence | undefined
}

export class JoinedStates implements Batch {
  #places: ReadonlyArray<Place>

  /**
   * @param first a fresh state of the model that runs with others; disposed with the batch
   * @param waiting texts; the batch takes the last ones first
   */
  constructor(
    readonly model: Decoder,
    first: Decoding,
    readonly waiting: Array<Sequence>,
    size: number,
    readonly sampling: Sampling,
  ) {
    const others = Array.from({ length: Math.min(size, waiting.length) - 1 }, () => model.decoding())
    this.#places = [first, ...others].map((decoding) => ({ decoding, sequence: undefined }))
  }

  next(): ReadonlyArray<readonly [Sequence, number]> {
    // The first state of a call holds the numbers of all. So it stays the first, and ends where no prompt waits for it.
    this.#places = this.#places.filter((place) => {
      if (place.sequence === undefined || place.sequence.finish !== undefined) this.#take(place)
      return place.sequence !== undefined
    })
    const asked = this.#places.map(({ decoding, sequence }) => ({ decoding, sequence: sequence! }))
    if (asked.length === 0) return []
    const parts = asked.map(({ decoding, sequence: { prompt, tokens } }) => ({
      decoding,
      ids: decoding.length === 0 ? prompt : Int32Array.of(tokens.at(-1)!),
      rows: 1,
    }))
    const draws =
      this.sampling.temperature === 0 ? undefined : Float64Array.from(asked, ({ sequence }) => sequence.rng.uniform())
    const chosen = tokensAfter(this.model, parts, this.sampling, draws)
    return asked.map(({ sequence }, i) => [sequence, chosen[i]!])
  }

  #take(place: Place): void {
    place.sequence = this.waiting.pop()
    if (place.sequence === undefined) place.decoding.dispose()
    else place.decoding.rollback(0)
  }

  dispose(): void {
    for (const { decoding } of this.#places) decoding.dispose()
    this.#places = []
  }
}
