/**
 * Tensors in buckets, and the slice of a bucket that each member of a group adds.
 *
 * Letters: R members, S numbers of a slice; a bucket has R S numbers.
 */

/** Names and shapes of the tensors to add, in an order that is the same in all members. */
export type Summed = ReadonlyArray<{ readonly name: string; readonly shape: ReadonlyArray<number> }>

/** Sizes of buckets, in numbers. */
export interface BucketSizes {
  /** A tensor of at least so many is a bucket of its own, and is sent from where it lies. */
  readonly large: number
  /** Most of a bucket of smaller tensors. */
  readonly most: number
}

/** A tensor in a bucket. */
export interface Entry {
  readonly name: string
  readonly shape: ReadonlyArray<number>
  readonly size: number
  /** The place of its first number in the bucket, a multiple of 16. */
  readonly at: number
}

export interface Bucket {
  /** The same in all members, and of no other bucket. */
  readonly label: string
  readonly entries: ReadonlyArray<Entry>
  /** S, a multiple of 16. */
  readonly slice: number
  /** Numbers from the first of the first entry to the last of the last. */
  readonly used: number
}

/** Slices and entries begin at multiples of 64 bytes: TensorFlow takes them as tensors without a copy. */
const aligned = 16

/** Numbers of a tensor. */
export const sizeOf = (shape: ReadonlyArray<number>): number => shape.reduce((a, b) => a * b, 1)
const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to

/**
 * The buckets of these tensors.
 *
 * @param early the name of a tensor that is a bucket of its own, and the first
 */
export const bucketsOf = (
  tensors: Summed,
  R: number,
  { large, most }: BucketSizes,
  early: string | undefined,
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
    const used = last.at + last.size
    const slice = roundUp(Math.ceil(used / R), aligned)
    return { label: `bucket ${i} of ${slice}`, entries, slice, used }
  })
}
