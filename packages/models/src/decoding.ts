/**
 * Decoding with a cache of keys and values that can be rolled back.
 *
 * Letters: B sequences, T new positions, P cached positions.
 */
import type { Architecture, Cache, Decoding, Parameters, TargetLayer } from "@winnow/core"
import { native, tf } from "@winnow/tensor"
import { KeptStates } from "./kept-states.ts"
import { nativeDecoding, refuseBatch, refuseRollback } from "./native-decoding.ts"
import { grownTree, refusePath } from "./tree.ts"

/**
 * A fresh decoding state of this model, native if possible.
 * @param pad_B the left padding of each sequence
 * @param keep layers whose states the caller reads
 * @error Error for a layer that the model does not have
 */
export const startDecoding = (
  architecture: Architecture,
  parameters: Parameters,
  pad_B?: Int32Array,
  keep?: ReadonlyArray<TargetLayer>,
): Decoding => {
  const kept = keep && new KeptStates(keep, architecture.layers)
  const program = native() === undefined ? undefined : architecture.nativeProgram?.(kept?.numbers)
  return program === undefined
    ? plainDecoding(architecture, parameters, pad_B, kept)
    : nativeDecoding(program, parameters, architecture.head, pad_B, kept)
}

/** The first `length` positions, and behind them those of a path. */
const keptPositions = (x: tf.Tensor, length: number, path: ArrayLike<number>): tf.Tensor => {
  if (path.length === 0) return tf.slice(x, [0, 0, 0, 0, 0], x.shape.with(3, length))
  const slots = Int32Array.from({ length: length + path.length }, (_, s) =>
    s < length ? s : length + path[s - length]!,
  )
  return tf.gather(x, tf.tensor1d(slots, "int32"), 3)
}

/** A decoding state of tensors, by the architecture's own `hidden`. */
export const plainDecoding = (
  architecture: Architecture,
  parameters: Parameters,
  pad_B?: Int32Array,
  kept?: KeptStates,
): Decoding => {
  const cache: Cache = {
    layers: Array.from({ length: architecture.layers }, () => undefined),
    length: 0,
    ...(pad_B?.some((pad) => pad > 0) ? { pad_B: pad_B.slice() } : {}),
    ...(kept &&
      kept.numbers.length > 0 && {
        keep: { layers: kept.numbers, take: (states) => kept.take(states.map((x) => x.dataSync() as Float32Array)) },
      }),
  }
  const dispose = () => {
    for (const [l, layer] of cache.layers.entries()) {
      if (layer !== undefined) tf.dispose([layer.k, layer.v])
      cache.layers[l] = undefined
    }
    cache.length = 0
    cache.tree = undefined
  }
  return {
    get length() {
      return cache.length
    },
    extend: (ids_BT, parents) => {
      const B = cache.layers[0]?.k.shape[2] ?? cache.pad_B?.length
      const [given, T] = ids_BT.shape
      refuseBatch(given, B)
      const before = cache.tree
      cache.tree = grownTree(before, parents, given === 1 && cache.pad_B === undefined, T, cache.length)
      try {
        const h_BTd = architecture.hidden(parameters, ids_BT, cache)
        if (kept?.readsLast) kept.takeLast(h_BTd.dataSync() as Float32Array)
        return h_BTd
      } catch (error) {
        cache.tree = before
        throw error
      }
    },
    rollback: (length, path = new Int32Array(0)) => {
      refuseRollback(length, cache.length)
      refusePath(cache.tree, length, path)
      cache.tree = undefined
      if (length === cache.length) return
      if (length + path.length === 0) return dispose()
      for (const [l, layer] of cache.layers.entries()) {
        if (layer === undefined) continue
        const first = (x: tf.Tensor): tf.Tensor => {
          const kept = tf.tidy(() => tf.keep(keptPositions(x, length, path)))
          x.dispose()
          return kept
        }
        cache.layers[l] = { k: first(layer.k), v: first(layer.v) }
      }
      cache.length = length + path.length
    },
    dispose,
    ...(kept && { kept: kept.of }),
  }
}
