/**
 * Texts in one decoding state, whose positions advance together: shorter ones are padded on the left.
 *
 * Letters: B rows of a batch, T positions.
 */
import type { Decoder, Decoding, Sampling } from "@winnow/core"
import type { Batch, Sequence } from "./batch.ts"
import { choicesAfter, drawsAfter } from "./what-follows.ts"

export class PaddedBatch implements Batch {
  #rows: ReadonlyArray<Sequence> = []
  #decoding: Decoding | undefined
  #leastPad = 0

  /** @param waiting texts by rising length of their prompts; the batch takes the last ones first */
  constructor(
    readonly model: Decoder,
    readonly waiting: Array<Sequence>,
    readonly size: number,
    readonly sampling: Sampling,
  ) {}

  next(): ReadonlyArray<readonly [Sequence, number]> {
    const input_BT = this.#input()
    if (input_BT === undefined) return []
    const chosen = this.#choose(this.#decoding!, input_BT)
    return this.#rows.flatMap((row, b) => (row.finish === undefined ? [[row, chosen[b]!] as const] : []))
  }

  /**
   * The newest token of each row, or all tokens of a new batch. Once half of the rows have ended, the others move to a
   * new batch with waiting prompts: one pass over their text costs less than half-empty steps. They also move where an
   * ended row would exceed the model's context, as each step lengthens it.
   */
  #input(): Int32Array | undefined {
    const alive = this.#rows.filter((s) => s.finish === undefined)
    const next = (this.#decoding?.length ?? 0) + 1 - this.#leastPad
    const fits = next <= this.model.architecture.maxLength
    if (this.#decoding !== undefined && alive.length * 2 > this.#rows.length && fits)
      return Int32Array.from(this.#rows, (s) => s.tokens.at(-1)!)
    this.dispose()
    const room = this.size - alive.length
    this.#rows = [...alive, ...this.waiting.splice(Math.max(0, this.waiting.length - room))]
    const B = this.#rows.length
    if (B === 0) return undefined
    const length_B = this.#rows.map((s) => s.prompt.length + s.tokens.length)
    const T = Math.max(...length_B)
    const pad_B = Int32Array.from(length_B, (length) => T - length)
    const ids_BT = new Int32Array(B * T)
    for (const [b, { prompt, tokens }] of this.#rows.entries()) {
      ids_BT.set(prompt, b * T + pad_B[b]!)
      ids_BT.set(tokens, b * T + pad_B[b]! + prompt.length)
    }
    this.#leastPad = Math.min(...pad_B)
    this.#decoding = this.model.decoding(pad_B)
    return ids_BT
  }

  #choose(decoding: Decoding, input_BT: Int32Array): ArrayLike<number> {
    const B = this.#rows.length
    if (this.sampling.temperature === 0) return choicesAfter(this.model, decoding, input_BT, B, 1, false).argmax
    const u_B = Float64Array.from(this.#rows, ({ finish, rng }) => (finish === undefined ? rng.uniform() : -1))
    return drawsAfter(this.model, decoding, input_BT, B, this.sampling, u_B)
  }

  dispose(): void {
    this.#decoding?.dispose()
    this.#decoding = undefined
  }
}
