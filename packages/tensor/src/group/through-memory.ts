/**
 * Buckets through memory that all members see: each writes its numbers where the others read them, adds its slice of every
 * bucket into the sums, and all read the sums where they lie. Members only meet through TensorFlow.
 *
 * Letters: R members, S numbers of a slice, P numbers of all buckets. The memory is [1 + R, P]: the sums, then the numbers
 * of each member.
 */
import type { Address } from "@winnow/engine"
import { clearBytes, copyBytes } from "../binding/libc.ts"
import { address, native, tensorOver } from "../native/native.ts"
import { tf } from "../tf.ts"
import type { Bucket } from "./buckets.ts"
import type { Carrier } from "./carrier.ts"
import type { Group } from "./group.ts"

const floatBytes = 4

/** -0 in each place: x + -0 is x, to the last bit, for every x. */
const nothing = new Float32Array(1 << 16).fill(-0)

/** Writes the sum of arrays of n numbers, added in their order; one of them may lie where the sum does. */
const addInOrder = (n: number, parts: ReadonlyArray<number>, sum: number) => {
  const { winnow_add3: add3 } = native()!.C
  // In pieces, so that the sum of two parts is still in a cache when a third is added.
  for (let at = 0; at < n; at += nothing.length) {
    const count = Math.min(nothing.length, n - at)
    const byte = at * floatBytes
    const place = (of: number) => (of + byte) as Address
    if (parts.length === 1) copyBytes(place(sum), place(parts[0]!), count * floatBytes)
    for (let i = 1, before = parts[0]!; i < parts.length; i += 2, before = sum) {
      const next = parts[i + 1]
      add3(count, place(before), place(parts[i]!), next === undefined ? nothing : place(next), place(sum))
    }
  }
}

/** Bytes of memory for these buckets. */
export const bytesNeeded = (R: number, buckets: ReadonlyArray<Bucket>): number =>
  (1 + R) * buckets.reduce((sum, { slice }) => sum + R * slice, 0) * floatBytes

/**
 * The carrier of members on one machine. Its sums are tensors over the memory: the caller disposes them before the next
 * round.
 *
 * @param start of `bytesNeeded` of memory, the same memory in all members
 */
export const throughMemory = (group: Group, buckets: ReadonlyArray<Bucket>, start: Address): Carrier => {
  const { size: R, rank } = group
  const places: Array<number> = []
  let P = 0
  for (const { slice } of buckets) {
    places.push(P)
    P += R * slice
  }
  /** The place of a number of a bucket, in the sums (`of` is 0) or in the numbers of rank `of` - 1. */
  const place = (bucket: number, of: number, number: number) =>
    ((start as number) + (of * P + places[bucket]! + number) * floatBytes) as Address
  /** Tensors from which this member reads its own slice: by bucket, of those with one entry. */
  const own: Array<tf.Tensor | undefined> = []
  /** True once the sums hold earlier rounds. */
  let begun = false

  const meet = () => void group.exchange(null)
  const free = () => {
    for (const [i, tensor] of own.entries()) {
      tensor?.dispose()
      own[i] = undefined
    }
  }

  /** Adds this member's slice of each bucket into the sums. */
  const fold = (order: ReadonlyArray<number>) => {
    for (const [i, { slice, used }] of buckets.entries()) {
      const from = rank * slice
      const n = Math.min(slice, used - from)
      if (n <= 0) continue
      const sum = place(i, 0, from)
      const given = order.map((of) =>
        of === rank && own[i] !== undefined
          ? (address(own[i]) as number) + from * floatBytes
          : (place(i, 1 + of, from) as number),
      )
      addInOrder(n, (begun ? [sum, ...given] : given) as ReadonlyArray<number>, sum as number)
    }
    begun = true
    free()
  }

  return {
    send: (i, tensors) => {
      const { entries, slice } = buckets[i]!
      for (const { name, size, at } of entries) {
        const tensor = tensors[name]
        const copy = (from: number, to: number) => {
          if (tensor !== undefined && to > from)
            copyBytes(
              place(i, 1 + rank, at + from),
              ((address(tensor) as number) + from * floatBytes) as Address,
              (to - from) * floatBytes,
            )
        }
        if (tensor === undefined) clearBytes(place(i, 1 + rank, at), size * floatBytes)
        else if (entries.length > 1) copy(0, size)
        else {
          own[i]?.dispose()
          own[i] = tf.keep(tensor.clone())
          copy(0, Math.min(size, rank * slice))
          copy((rank + 1) * slice, size)
        }
      }
    },
    sent: (order, met) => {
      if (!met) meet()
      fold(order)
      // A member that is ahead would else overwrite numbers that another one has yet to add, or read half a sum.
      meet()
    },
    arrive: () => {},
    total: () => {
      begun = false
      return Object.fromEntries(
        buckets.flatMap(({ entries }, i) =>
          entries.map(({ name, shape, at }) => [name, tensorOver(shape, place(i, 0, at))]),
        ),
      )
    },
    dispose: () => {
      free()
      begun = false
    },
  }
}
