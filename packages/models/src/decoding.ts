/**
 * Decoding with a cache of keys and values that can be rolled back.
 *
 * Letters: B sequences, T new positions, P cached positions.
 */
import type { Architecture, Cache, Decoding, Parameters } from "@winnow/core"
import { native, tf } from "@winnow/tensor"
import { nativeDecoding, refuseBatch, refuseRollback } from "./native-decoding.ts"

/** A fresh decoding state of this model, native if possible; `pad_B` counts the left padding of each sequence. */
export const startDecoding = (architecture: Architecture, parameters: Parameters, pad_B?: Int32Array): Decoding => {
  const program = native() === undefined ? undefined : architecture.nativeProgram?.()
  return program === undefined
    ? plainDecoding(architecture, parameters, pad_B)
    : nativeDecoding(program, parameters, architecture.head, pad_B)
}

/** A decoding state of tensors, by the architecture's own `hidden`. */
export const plainDecoding = (architecture: Architecture, parameters: Parameters, pad_B?: Int32Array): Decoding => {
  const cache: Cache = {
    layers: Array.from({ length: architecture.layers }, () => undefined),
    length: 0,
    ...(pad_B?.some((pad) => pad > 0) ? { pad_B: pad_B.slice() } : {}),
  }
  const dispose = () => {
    for (const [l, layer] of cache.layers.entries()) {
      if (layer !== undefined) tf.dispose([layer.k, layer.v])
      cache.layers[l] = undefined
    }
    cache.length = 0
  }
  return {
    get length() {
      return cache.length
    },
    extend: (ids_BT) => {
      const B = cache.layers[0]?.k.shape[2] ?? cache.pad_B?.length
      refuseBatch(ids_BT.shape[0], B)
      return architecture.hidden(parameters, ids_BT, cache)
    },
    rollback: (length) => {
      refuseRollback(length, cache.length)
      if (length === cache.length) return
      if (length === 0) return dispose()
      for (const [l, layer] of cache.layers.entries()) {
        if (layer === undefined) continue
        const first = (x: tf.Tensor): tf.Tensor => {
          const kept = tf.keep(tf.slice(x, [0, 0, 0, 0, 0], x.shape.with(3, length)))
          x.dispose()
          return kept
        }
        cache.layers[l] = { k: first(layer.k), v: first(layer.v) }
      }
      cache.length = length
    },
    dispose,
  }
}
