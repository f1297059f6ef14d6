/** Groups sequences of similar length: little padding, and a bound on the memory of a pass over them. */

/** The lengths that come first. */
export type PackOrder = "shortest first" | "longest first"

/**
 * Packs of sequences, each of at most `positions` positions with its padding, or of one longer sequence.
 *
 * @param items sequences, each in one pack; equal lengths stay in this order
 * @param lengthOf positions of a sequence, 1 or more
 * @param positions the size limit of a pack: its number of sequences times the longest of them
 * @param order "longest first" shows at once how much memory a pass takes
 */
export const packsByLength = <T>(
  items: Iterable<T>,
  lengthOf: (item: T) => number,
  positions: number,
  order: PackOrder,
): ReadonlyArray<ReadonlyArray<T>> => {
  const sign = order === "shortest first" ? 1 : -1
  const packs: Array<Array<T>> = []
  let [pack, longest]: [Array<T>, number] = [[], 0]
  for (const item of [...items].sort((a, b) => sign * (lengthOf(a) - lengthOf(b)))) {
    longest = Math.max(longest, lengthOf(item))
    if (pack.length > 0 && (pack.length + 1) * longest > positions) {
      packs.push(pack)
      ;[pack, longest] = [[], lengthOf(item)]
    }
    pack.push(item)
  }
  if (pack.length > 0) packs.push(pack)
  return packs
}
