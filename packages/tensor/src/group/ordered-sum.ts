/**
 * The sum of tensors over the members of a group, added in one order whatever their number: the order of the batches.
 *
 * A plain all-reduce adds in an order that depends on the number of members, so its last bits do. Here each member owns a
 * slice of every bucket: it receives the slices of all members (all-to-all), adds them in the order of the batches, and at
 * the end all members gather the sums. That moves as many bytes as an all-reduce.
 *
 * Letters: R members, S numbers of a slice; a bucket has R S numbers.
 */
import { tf } from "../tf.ts"
import type { Group } from "./group.ts"

/** Names and shapes of the tensors to add, in an order that is the same in all members. */
export type Summed = ReadonlyArray<{ readonly name: string; readonly shape: ReadonlyArray<number> }>

/** Sizes of buckets, in numbers. */
export interface BucketSizes {
  /** A tensor of at least so many is a bucket of its own, and is sent from where it lies. */
  readonly large: number
  /** Most of a bucket of smaller tensors. */
  readonly most: number
}

export interface SumOptions extends Partial<BucketSizes> {
  /** The name of a tensor that members have before the others: a bucket of its own, which goes first. */
  readonly early?: string | undefined
}

/** Slices begin at multiples of 64 bytes, so that TensorFlow cuts them without a copy. */
const aligned = 16

const sizeOf = (shape: ReadonlyArray<number>): number => shape.reduce((a, b) => a * b, 1)
const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to

interface Entry {
  readonly name: string
  readonly shape: ReadonlyArray<number>
  readonly size: number
  /** The place of its first number in the bucket. */
  readonly at: number
}

interface Bucket {
  readonly label: string
  readonly entries: ReadonlyArray<Entry>
  /** S. */
  readonly slice: number
  /** The slices of all members in flight, [R, S]. */
  arriving?: tf.Tensor | undefined
  /** The sum of this member's slice over the earlier rounds, [S]. */
  sum?: tf.Tensor | undefined
}

const bucketsOf = (
  tensors: Summed,
  R: number,
  { large = 1 << 20, most = 1 << 22, early }: SumOptions,
): ReadonlyArray<Bucket> => {
  const groups: Array<Array<Entry>> = []
  let open: Array<Entry> | undefined
  let end = 0
  const first = tensors.filter(({ name }) => name === early)
  for (const { name, shape } of [...first, ...tensors.filter(({ name }) => name !== early)]) {
    const size = sizeOf(shape)
    if (size >= large || name === early) {
      groups.push([{ name, shape, size, at: 0 }])
      continue
    }
    if (open === undefined || end + size > most) {
      groups.push((open = []))
      end = 0
    }
    open.push({ name, shape, size, at: end })
    end = roundUp(end + size, aligned)
  }
  return groups.map((entries, i) => {
    const last = entries.at(-1)!
    const slice = roundUp(Math.ceil((last.at + last.size) / R), aligned)
    return { label: `bucket ${i} of ${slice}`, entries, slice }
  })
}

/** A sum in progress. It owns its tensors; `dispose` frees them. */
export class OrderedSum {
  readonly #group: Group
  readonly #buckets: ReadonlyArray<Bucket>
  /** The ranks that give to the round in flight, in the order of addition. */
  #order: ReadonlyArray<number> | undefined
  /** The early tensor, once this round has begun with it; the rest of the round is still to come. */
  #begun = false
  readonly #early: string | undefined

  constructor(group: Group, tensors: Summed, options: SumOptions = {}) {
    this.#group = group
    this.#buckets = bucketsOf(tensors, group.size, options)
    this.#early = options.early
  }

  /** Number of buckets. */
  get buckets(): number {
    return this.#buckets.length
  }

  /**
   * Begins a round with the early tensor; `add` follows. A member that does not call it sends that tensor in `add`.
   *
   * @param order as in `add`
   * @error GroupBroken
   */
  begin(order: ReadonlyArray<number>, early: tf.Tensor): void {
    if (this.#early === undefined) return
    this.#arrive()
    this.#order = order
    this.#begun = true
    this.#start(this.#buckets[0]!, { [this.#early]: early })
  }

  /**
   * Adds one round. It returns before the others have sent theirs.
   *
   * @param order the ranks that give tensors, in the order in which these are added; the same in all members
   * @param tensors of this member by name, whether it gives or not; a name without one counts as zeros. They stay the
   *   caller's, who may dispose them at once
   * @error GroupBroken
   */
  add(order: ReadonlyArray<number>, tensors: Readonly<Record<string, tf.Tensor>>): void {
    if (!this.#begun) this.#arrive()
    this.#order = order
    for (const bucket of this.#begun ? this.#buckets.slice(1) : this.#buckets) this.#start(bucket, tensors)
    this.#begun = false
  }

  /** Sends a bucket's slices. */
  #start(bucket: Bucket, tensors: Readonly<Record<string, tf.Tensor>>): void {
    const { label, slice } = bucket
    bucket.arriving = tf.tidy(() => {
      const packed = this.#packed(bucket, tensors)
      return tf.keep(this.#group.start("CollectiveAllToAllV2", label, packed, [this.#group.size, slice]))
    })
  }

  /** The tensors of a bucket as [R, S]; a single one that fits is not copied. */
  #packed({ entries, slice }: Bucket, tensors: Readonly<Record<string, tf.Tensor>>): tf.Tensor {
    const R = this.#group.size
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

  /** Adds a bucket's slices that have arrived to its sum. */
  #fold(bucket: Bucket, order: ReadonlyArray<number>): void {
    const { arriving, slice, sum: before } = bucket
    if (arriving === undefined) return
    this.#group.wait(arriving)
    bucket.sum = tf.tidy(() => {
      const given = order.map((rank) => tf.reshape(tf.slice(arriving, [rank, 0], [1, slice]), [slice]))
      const all = before === undefined ? given : [before, ...given]
      const total = all.reduce((a, b) => tf.add(a, b))
      return tf.keep(total === before ? total.clone() : total)
    })
    tf.dispose([arriving, ...(before ? [before] : [])])
    bucket.arriving = undefined
  }

  #arrive(): void {
    if (this.#order === undefined) return
    for (const bucket of this.#buckets) this.#fold(bucket, this.#order)
    this.#order = undefined
  }

  /**
   * The sums over all rounds, in every member.
   *
   * @returns by name; the caller disposes them
   * @error GroupBroken
   */
  total(): Record<string, tf.Tensor> {
    const { size: R } = this.#group
    const order = this.#order ?? []
    const gathered: Array<tf.Tensor> = []
    try {
      // The sums of one bucket are gathered while the slices of the next still arrive.
      for (const bucket of this.#buckets) {
        this.#fold(bucket, order)
        const { label, slice, sum } = bucket
        gathered.push(this.#group.start("CollectiveGatherV2", label, sum!, [R * slice]))
      }
      this.#order = undefined
      const sums: Record<string, tf.Tensor> = {}
      for (const [i, { entries }] of this.#buckets.entries()) {
        this.#group.wait(gathered[i]!)
        for (const { name, shape, size, at } of entries)
          sums[name] = tf.tidy(() => tf.reshape(tf.slice(gathered[i] as tf.Tensor1D, [at], [size]), [...shape]))
      }
      return sums
    } finally {
      tf.dispose(gathered)
      this.dispose()
    }
  }

  /** Frees what a sum that was not finished holds. */
  dispose(): void {
    for (const bucket of this.#buckets) {
      tf.dispose([bucket.arriving, bucket.sum].filter((x) => x !== undefined))
      bucket.arriving = undefined
      bucket.sum = undefined
    }
    this.#order = undefined
    this.#begun = false
  }
}
