/**
 * A decoding state in native code: the whole step in one call, the cache in native memory.
 *
 * Letters: B sequences, T new positions, P cached positions.
 */
import type { CachedTree, Decoding, Parameters, QuickDecoding, StatePart } from "@winnow/core"
import { NativeDecoder, type NativeProgram, output, type tf } from "@winnow/tensor"
import type { KeptStates } from "./kept-states.ts"
import { decoderWeights } from "./native-parameters.ts"
import { checkPositions } from "./rotary-tables.ts"
import { grownTree, positionsNeeded, refusePath } from "./tree.ts"

/** @error if the decoding state has another number of sequences than B */
export const refuseBatch = (given: number, B: number | undefined): void => {
  if (B !== undefined && given !== B)
    throw new Error(`${given} sequences were given, this decoding state is of ${B}: start a new one`)
}

/** @error for a length that is no whole number from 0 to the number of cached positions */
export const refuseRollback = (length: number, held: number): void => {
  if (!Number.isInteger(length) || length < 0 || length > held)
    throw new Error(`cannot roll back to length ${length}: the cache holds ${held} positions`)
}

const none = new Int32Array(0)

/** Of a state that may run with others: its decoder, made ready for so many tokens. */
const ready = new WeakMap<Decoding, (T: number) => NativeDecoder>()

const extendTogether = (parts: ReadonlyArray<StatePart>): void =>
  NativeDecoder.extendTogether(
    parts.map(({ decoding, ids, rows }) => {
      const decoder = ready.get(decoding)?.(ids.length)
      if (decoder === undefined) throw new Error("a decoding state that does not run with others: call it alone")
      return { decoder, ids, rows }
    }),
  )

/** A fresh decoding state; `head` names the head, `pad_B` counts the left padding of each sequence. Needs the native library. */
export const nativeDecoding = (
  program: NativeProgram,
  parameters: Parameters,
  head: string,
  pad_B?: Int32Array,
  kept?: KeptStates,
): Decoding => {
  const decoder = new NativeDecoder(program, decoderWeights(parameters), head)
  const padding = pad_B?.some((pad) => pad > 0) ? pad_B.slice() : undefined
  const leastPad = padding === undefined ? 0 : Math.min(...padding)
  let tree: CachedTree | undefined

  const extend = (ids_BT: Int32Array, B: number, rows: number, parents?: Int32Array, into?: number) => {
    refuseBatch(B, padding?.length ?? (decoder.length > 0 ? decoder.sequences : undefined))
    const T = ids_BT.length / B
    const grown = grownTree(tree, parents, B === 1 && padding === undefined, T, decoder.length)
    checkPositions(positionsNeeded(grown, decoder.length + T) - leastPad, program.maxLength)
    if (decoder.length === 0) decoder.start(B, padding)
    const last = kept?.readsLast && into === undefined ? new Float32Array(B * T * program.hiddenSize) : undefined
    decoder.extend(ids_BT, kept ? T : rows, into ?? last, grown && parents)
    tree = grown
    if (kept === undefined) return
    if (last) kept.takeLast(last)
    kept.take(kept.numbers.map((_, i) => decoder.kept(i)))
    decoder.ask(rows)
  }

  const together: QuickDecoding["together"] =
    kept !== undefined || padding !== undefined || program.kept.length > 0
      ? undefined
      : {
          greedy: (parts, margins) => {
            extendTogether(parts)
            return decoder.greedy(margins)
          },
          logits: (parts) => {
            extendTogether(parts)
            return decoder.logits()
          },
        }
  const readyFor = (T: number): NativeDecoder => {
    refuseBatch(1, decoder.length > 0 ? decoder.sequences : undefined)
    grownTree(tree, undefined, true, T, decoder.length)
    checkPositions(decoder.length + T, program.maxLength)
    if (decoder.length === 0) decoder.start(1)
    return decoder
  }

  const decoding: Decoding = {
    get length() {
      return decoder.length
    },
    extend: (ids_BT, parents) => {
      const [B, T] = ids_BT.shape
      const { tensor, address } = output([B, T, program.hiddenSize])
      try {
        extend(Int32Array.from(ids_BT.dataSync()), B, T, parents, address)
      } catch (error) {
        tensor.dispose()
        throw error
      }
      if (kept?.readsLast) kept.takeLast(tensor.dataSync() as Float32Array)
      return tensor as tf.Tensor3D
    },
    rollback: (length, path = none) => {
      refuseRollback(length, decoder.length)
      refusePath(tree, length, path)
      if (length < decoder.length) decoder.rollback(length, path)
      tree = undefined
    },
    dispose: () => decoder.dispose(),
    ...(kept && { kept: kept.of }),
    quick: {
      greedy: (ids_BT, B, rows, margins, parents) => {
        extend(ids_BT, B, rows, parents)
        return decoder.greedy(margins)
      },
      logits: (ids_BT, B, rows, parents) => {
        extend(ids_BT, B, rows, parents)
        return decoder.logits()
      },
      ...(together && { together }),
    },
  }
  if (together !== undefined) ready.set(decoding, readyFor)
  return decoding
}
