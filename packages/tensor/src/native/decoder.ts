/**
 * A native decoder: a program over a cache of keys and values in native memory, which one call extends by new tokens.
 *
 * Letters: B sequences, T new positions, R rows kept (B times the last so many positions), d hidden size, V vocabulary,
 * U rows of the head.
 */
import type { Address } from "@winnow/engine"
import type { tf } from "../tf.ts"
import { address, type Native, native, precision } from "./native.ts"
import { copyAt, NativeLogits } from "./native-logits.ts"
import { NativeWeight } from "./native-weight.ts"
import { roundedOf, screenOf } from "./of-weights.ts"
import { weightsVersion } from "./weights-version.ts"

/** The head's most probable rows for the rows kept. */
export interface GreedyRows {
  /** [R]; of equal logits the lowest row of the head. */
  readonly argmax: Int32Array
  /** [R]: largest logit less second largest, infinite for U = 1; empty unless asked for. */
  readonly margin: Float32Array
}

/** An architecture's step over a cache, its sizes fixed, as words for native code (`native/decode.h`). */
export interface NativeProgram {
  readonly hiddenSize: number
  readonly vocabularySize: number
  /** Rows of the head, U: V, or fewer where it predicts some of the ids. */
  readonly headRows: number
  readonly maxLength: number
  /** Logits are cap tanh(x / cap) of the products x with the head; the products themselves if left out. */
  readonly logitCap?: number | undefined
  /**
   * By place of the rotary tables in the words: cosines and sines of the first `rows` positions, [rows, r / 2] each for r
   * rotated entries of a head, times the factor of queries and keys.
   */
  readonly rotaries: ReadonlyArray<(rows: number) => { readonly cos: Float32Array; readonly sin: Float32Array }>
  readonly words: Float64Array
  /** Names of the parameters, in the order of the places that the words give them. */
  readonly parameters: ReadonlyArray<string>
  /** The names among them that are weights of products. */
  readonly weights: ReadonlySet<string>
  /** Columns of each matrix of states that it keeps beside the result. */
  readonly kept: ReadonlyArray<number>
}

/** The weights of a model by name, as they are at the moment. */
export interface DecoderWeights {
  /** Undefined for a name that the model does not have. */
  readonly weight: (name: string) => tf.Variable | NativeWeight | undefined
  /** Counts how often another object has taken the place of a weight. */
  readonly changes: number
}

/** The part of one of several decoders in a call. */
export interface DecoderPart {
  readonly decoder: NativeDecoder
  readonly ids: Int32Array
  /** Of the last positions, how many are kept. */
  readonly rows: number
}

const noMargins = new Float32Array(0)
const leastRotary = 256

/**
 * Decodes B sequences; dispose it. Parameters may be assigned anew between calls, and others may take their place (`changes`); not disposed.
 *
 * Products of the layers are in the precision of the time when it is made (`precision()`): bfloat16 reads half the bytes,
 * from copies of the weights, or from weights that are halves. The head is float32, or halves that are widened. Weights in
 * blocks, the head's too, are multiplied in 8 bits in either precision.
 */
export class NativeDecoder {
  readonly #native: Native
  readonly #weights: DecoderWeights
  #parameters: ReadonlyArray<tf.Variable | NativeWeight> = []
  #changes = -1
  /** True for each weight that is read as a copy in bfloat16. */
  readonly #rounded: ReadonlyArray<boolean>
  /** Name of the head [U, d]. */
  readonly #head: string
  #handle: Address | null
  #bound: ReadonlyArray<object> = []
  #version = -1
  #rotaryRows = 0
  #rows = 0
  #last = 0
  /** Held, so that they live until the call that reads them. */
  #given: ReadonlyArray<object> | undefined
  #B = 0
  #length = 0

  /** @error without the native library: see `native()`; for a parameter of the program that is not there */
  constructor(
    readonly program: NativeProgram,
    weights: DecoderWeights,
    head: string,
  ) {
    const open = native()
    if (open === undefined) throw new Error("native decoding without the native library: check `native()` before")
    this.#native = open
    this.#weights = weights
    this.#head = head
    const { words, parameters: names, weights: products } = program
    this.#find()
    const bfloat16 = precision() === "bfloat16"
    this.#rounded = names.map((name) => bfloat16 && products.has(name))
    this.#handle = open.C.winnow_decode_new(words, words.length) as Address | null
    if (this.#handle === null) throw new Error("native decoding: no memory for a decoder")
    if (program.logitCap !== undefined) open.C.winnow_decode_cap(this.#handle, program.logitCap)
  }

  /** Looks the weights up again, if others have taken the place of some. @error for a parameter that is not there */
  #find(): void {
    if (this.#changes === this.#weights.changes) return
    this.#parameters = this.program.parameters.map((name) => this.#weight(name))
    this.#changes = this.#weights.changes
  }

  #weight(name: string): tf.Variable | NativeWeight {
    const found = this.#weights.weight(name)
    if (found === undefined) throw new Error(`decode program: no parameter ${name}`)
    return found
  }

  /** Where a head lies, its rows, and its screen. */
  #headAt(name: string): { readonly at: Address; readonly U: number; readonly screen: () => Address | null } {
    const head = this.#weight(name)
    const U = head.shape[0]!
    if (head instanceof NativeWeight) return { at: head.address, U, screen: () => head.screen() }
    return { at: address(head), U, screen: () => screenOf(this.#native, head) }
  }

  /** Sequences, 0 before `start`. */
  get sequences(): number {
    return this.#B
  }

  /** Positions held, padding included. */
  get length(): number {
    return this.#length
  }

  #live(): Address {
    if (this.#handle === null) throw new Error("this decoding state is disposed: start a new one")
    return this.#handle
  }

  /** Begins B sequences with an empty cache; of each the first `pad_B[b]` positions are not attended to. */
  start(B: number, pad_B?: Int32Array): void {
    this.#native.C.winnow_decode_start(this.#live(), B, pad_B ?? null)
    this.#B = B
    this.#length = 0
    this.#rows = 0
  }

  /** Tells the decoder where the parameters are, if that may have changed. */
  #bind(): void {
    this.#find()
    const gone = this.#parameters.find(({ isDisposed }) => isDisposed)
    if (gone !== undefined) throw new Error(`decoding with a model that is disposed: ${gone.name} has no numbers`)
    const version = weightsVersion()
    if (version === this.#version && this.#parameters.every(({ dataId }, i) => dataId === this.#bound[i])) return
    const addresses = Float64Array.from(this.#parameters, (weight, i) =>
      weight instanceof NativeWeight
        ? weight.address
        : this.#rounded[i]
          ? roundedOf(this.#native, weight)
          : address(weight),
    )
    const rounded = this.#rounded.includes(true) ? 1 : 0
    this.#native.C.winnow_decode_bind(this.#live(), addresses, addresses.length, rounded)
    this.#bound = this.#parameters.map(({ dataId }) => dataId)
    this.#version = version
  }

  #growRotary(length: number): void {
    if (length <= this.#rotaryRows) return
    const rows = Math.max(leastRotary, 2 * this.#rotaryRows, length)
    for (const [place, tables] of this.program.rotaries.entries()) {
      const { cos, sin } = tables(rows)
      if (cos.length === 0) continue
      if (this.#native.C.winnow_decode_rotary(this.#live(), place, cos, sin, cos.length) !== 0) throw noMemory(rows)
    }
    this.#rotaryRows = rows
  }

  /**
   * Appends tokens; keeps the hidden states of the last `rows` positions of each sequence for `greedy` and `logits`.
   *
   * A row depends on its own sequence alone, bit by bit: not on the batch, on padding, or on how a text is cut into calls.
   *
   * @param ids_BT B times T ids
   * @param rows 1 to T
   * @param into where the kept hidden states [B, rows, d] are written as well
   * @param parents of the last tokens, which are nodes of a tree (`native/decode.h`); left out: all are text
   * @error for ids outside the vocabulary, before anything is changed; when memory does not suffice
   */
  extend(ids_BT: Int32Array, rows: number, into?: Address | Float32Array, parents?: Int32Array): void {
    const handle = this.#live()
    const T = ids_BT.length / this.#B
    if (!(Number.isInteger(T) && T > 0 && Number.isInteger(rows) && rows > 0 && rows <= T))
      throw new Error(
        `${ids_BT.length} ids for ${this.#B} sequences, ${rows} rows kept: expected T ids each, 1 to T rows`,
      )
    this.#bind()
    this.#growRotary(this.#length + T)
    const { C } = this.#native
    const status =
      parents === undefined
        ? C.winnow_decode_extend(handle, ids_BT, T, rows, into ?? null)
        : C.winnow_decode_extend_tree(handle, ids_BT, T, rows, into ?? null, parents, parents.length)
    this.#check(status, ids_BT, this.#length + T)
    if (this.#given !== undefined) this.#given = undefined
    this.#length += T
    this.#rows = rows
    this.#last = rows
  }

  #check(status: number, ids: Int32Array, positions: number): void {
    if (status === -1) throw noMemory(positions)
    if (status === 0) return
    const { vocabularySize: V } = this.program
    const id = ids.find((id) => id < 0 || id >= V)
    throw new Error(`token id ${id} is not in [0, ${V}): the ids are of another tokenizer`)
  }

  /**
   * Appends tokens to several decoders in one pass over the weights. The first one keeps the rows of all, those of a
   * decoder behind those of the one before, for `greedy` and `logits`; their numbers are those of one `extend` each, bit by
   * bit.
   *
   * @param parts decoders of one model, each once, of one sequence each; rows 1 to the number of its ids
   * @error as `extend`, before anything is changed; for decoders that cannot run together
   */
  static extendTogether(parts: ReadonlyArray<DecoderPart>): void {
    const first = parts[0]?.decoder
    if (first === undefined) throw new Error("no decoders: give at least one")
    first.#bind()
    const rounded = first.#rounded.includes(true)
    const isAlike = (decoder: NativeDecoder): boolean => {
      decoder.#find()
      return (
        decoder.program === first.program &&
        decoder.#rounded.includes(true) === rounded &&
        decoder.#parameters.every((weight, i) => weight === first.#parameters[i])
      )
    }
    let [most, count, kept] = [0, 0, 0]
    for (const { decoder, ids, rows } of parts) {
      if (decoder.#B !== 1 || !isAlike(decoder))
        throw new Error("decoders run together that have one sequence each, one model and one precision")
      if (!(ids.length > 0 && Number.isInteger(rows) && rows > 0 && rows <= ids.length))
        throw new Error(`${ids.length} ids, ${rows} rows kept: expected 1 to as many rows as ids`)
      most = Math.max(most, decoder.#length + ids.length)
      count += ids.length
      kept += rows
    }
    if (new Set(parts.map(({ decoder }) => decoder)).size < parts.length)
      throw new Error("a decoder stands twice among those that run together")
    first.#growRotary(most)
    const ids = new Int32Array(count)
    let at = 0
    for (const part of parts) {
      ids.set(part.ids, at)
      at += part.ids.length
    }
    const status = first.#native.C.winnow_decode_extend_together(
      Float64Array.from(parts, ({ decoder }) => decoder.#live()),
      parts.length,
      ids,
      Int32Array.from(parts, (part) => part.ids.length),
      Int32Array.from(parts, (part) => part.rows),
    )
    first.#check(status, ids, most)
    for (const part of parts) {
      part.decoder.#length += part.ids.length
      part.decoder.#rows = 0
    }
    first.#rows = first.#last = kept
  }

  #kept(): number {
    if (this.#rows === 0) throw new Error("no rows are kept: extend the decoding state first")
    return this.#B * this.#last
  }

  /**
   * The values that the next `extend` runs on, beside its ids.
   *
   * @param rows_NW B T rows of floats
   * @param tokens lists of B T ids each, one behind the other; below the vocabulary's size
   */
  give(rows_NW: Float32Array, W: number, tokens: Int32Array): void {
    this.#given = [rows_NW, tokens]
    this.#native.C.winnow_decode_give(this.#live(), W === 0 ? null : rows_NW, W, tokens.length === 0 ? null : tokens)
  }

  /**
   * Asks `greedy` and `logits` for the last of the rows kept, until the next `extend`.
   * @param kept the number of a matrix of the program's `kept`, in place of the result
   * @error for fewer than all rows of several sequences
   */
  ask(rows: number, kept = -1): void {
    if (!(rows >= 1 && rows <= this.#rows && (rows === this.#rows || this.#B === 1)))
      throw new Error(
        `the last ${rows} of ${this.#rows} rows of ${this.#B} sequences: expected 1 or more of one sequence, or all rows`,
      )
    this.#native.C.winnow_decode_ask(this.#live(), rows, kept)
    this.#last = rows
  }

  /** A copy of the rows kept, [R, width], of matrix i of the program's `kept`. */
  kept(i: number): Float32Array {
    if (this.#rows === 0) throw new Error("no rows are kept: extend the decoding state first")
    const at = this.#native.C.winnow_decode_kept(this.#live(), i) as Address
    return copyAt(at, this.#B * this.#rows * this.program.kept[i]!)
  }

  /** The head's most probable row for each row kept, exactly as the whole product with the head has it. Margins are of capped logits. */
  greedy(margins: boolean, head = this.#head): GreedyRows {
    const R = this.#kept()
    const { C } = this.#native
    const argmax = new Int32Array(R)
    const margin = margins ? new Float32Array(R) : noMargins
    const { at, U, screen } = this.#headAt(head)
    if (C.winnow_decode_greedy(this.#live(), at, U, screen(), argmax, margins ? margin : null) !== 0)
      throw noMemory(this.#length)
    return { argmax, margin }
  }

  /** Logits of the rows kept, [R, U]: the decoder's own memory, void at its next call. */
  logits(head = this.#head): NativeLogits {
    const R = this.#kept()
    const { at: ofHead, U } = this.#headAt(head)
    const at = this.#native.C.winnow_decode_logits(this.#live(), ofHead, U) as Address | null
    if (at === null) throw noMemory(this.#length)
    return new NativeLogits(this.#native, at, R, U)
  }

  /** Forgets all positions from `length` on; of a tree behind `length` positions a path of nodes [n] becomes text. */
  rollback(length: number, path?: Int32Array): void {
    if (path !== undefined && path.length > 0) this.#native.C.winnow_decode_keep(this.#live(), path, path.length)
    else this.#native.C.winnow_decode_rollback(this.#live(), length)
    this.#length = length + (path?.length ?? 0)
    this.#rows = 0
  }

  dispose(): void {
    if (this.#handle !== null) this.#native.C.winnow_decode_free(this.#handle)
    this.#handle = null
  }
}

const noMemory = (positions: number) =>
  new Error(`native decoding: no memory for ${positions} positions: take fewer sequences at a time, or shorter ones`)

/** Native decoders and screens that have not been freed, and the bytes of their caches: for tests and reports. */
export const nativeDecodingInUse = (): { readonly count: number; readonly bytes: number } => {
  const open = native()
  if (open === undefined) return { count: 0, bytes: 0 }
  return { count: open.C.winnow_decode_live(), bytes: open.C.winnow_decode_live_bytes() }
}
