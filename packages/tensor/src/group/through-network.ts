/**
 * Buckets through TensorFlow's collectives: members send their slices to the owners (all-to-all), and gather the sums.
 *
 * Letters: R members, S numbers of a slice.
 */
import { tf } from "../tf.ts"
import type { Bucket } from "./buckets.ts"
import type { Carrier } from "./carrier.ts"
import type { Group } from "./group.ts"

interface Moving extends Bucket {
  /** The slices of all members in flight, [R, S]. */
  arriving?: tf.Tensor | undefined
  /** The sum of this member's slice over the earlier rounds, [S]. */
  sum?: tf.Tensor | undefined
}

/** The tensors of a bucket as [R, S]; a single one that fits is not copied. */
const packed = ({ entries, slice }: Bucket, R: number, tensors: Readonly<Record<string, tf.Tensor>>): tf.Tensor => {
  const [first] = entries
  if (entries.length === 1 && first!.size === R * slice)
    return tf.reshape(tensors[first!.name] ?? tf.zeros([R, slice]), [R, slice])
  const parts = entries.flatMap(({ name, size, at }, i) => {
    const end = entries[i + 1]?.at ?? R * slice
    const of = tensors[name]
    const gap = end - at - (of === undefined ? 0 : size)
    return [...(of === undefined ? [] : [tf.reshape(of, [size])]), ...(gap === 0 ? [] : [tf.zeros([gap])])]
  })
  return tf.reshape(parts.length === 1 ? parts[0]! : tf.concat(parts as Array<tf.Tensor1D>), [R, slice])
}

/** The carrier of members on any machines. */
export const throughNetwork = (group: Group, buckets: ReadonlyArray<Bucket>): Carrier => {
  const { size: R } = group
  const all: ReadonlyArray<Moving> = buckets.map((bucket) => ({ ...bucket }))

  let order: ReadonlyArray<number> = []

  /** Adds a bucket's slices that have arrived to its sum. */
  const fold = (bucket: Moving): void => {
    const { arriving, slice, sum: before } = bucket
    if (arriving === undefined) return
    group.wait(arriving)
    bucket.sum = tf.tidy(() => {
      const given = order.map((rank) => tf.reshape(tf.slice(arriving, [rank, 0], [1, slice]), [slice]))
      const parts = before === undefined ? given : [before, ...given]
      const total = parts.reduce((a, b) => tf.add(a, b))
      return tf.keep(total === before ? total.clone() : total)
    })
    tf.dispose([arriving, ...(before ? [before] : [])])
    bucket.arriving = undefined
  }

  const dispose = () => {
    for (const bucket of all) {
      tf.dispose([bucket.arriving, bucket.sum].filter((x) => x !== undefined))
      bucket.arriving = undefined
      bucket.sum = undefined
    }
  }

  return {
    send: (i, tensors) => {
      const bucket = all[i]!
      const { label, slice } = bucket
      bucket.arriving = tf.tidy(() =>
        tf.keep(group.start("CollectiveAllToAllV2", label, packed(bucket, R, tensors), [R, slice])),
      )
    },
    sent: (of) => {
      order = of
    },
    arrive: () => {
      for (const bucket of all) fold(bucket)
    },
    total: () => {
      const gathered: Array<tf.Tensor> = []
      try {
        // The sums of one bucket are gathered while the slices of the next still arrive.
        for (const bucket of all) {
          fold(bucket)
          gathered.push(group.start("CollectiveGatherV2", bucket.label, bucket.sum!, [R * bucket.slice]))
        }
        const sums: Record<string, tf.Tensor> = {}
        for (const [i, { entries }] of all.entries()) {
          group.wait(gathered[i]!)
          for (const { name, shape, size, at } of entries)
            sums[name] = tf.tidy(() => tf.reshape(tf.slice(gathered[i] as tf.Tensor1D, [at], [size]), [...shape]))
        }
        return sums
      } finally {
        tf.dispose(gathered)
        dispose()
      }
    },
    dispose,
  }
}
